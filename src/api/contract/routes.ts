import { z } from 'zod';
import type { Access } from '#core/access.ts';
import * as shape from './shapes.ts';
import * as fleet from './worker-shapes.ts';

export type Route = {
  method: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
  /** Below `/api/v1`, with `{parameters}`. */
  path: string;
  summary: string;
  /** `can()` decides, this only names the question. */
  access: Access;
  params?: z.ZodObject;
  query?: z.ZodObject;
  body?: z.ZodType;
  /** Where the usual 4 MiB are too little. */
  bodyLimitBytes?: number;
  headers?: z.ZodObject;
  /** The good answer. `file` is bytes with ranges, `stream` is server-sent events, `dump` is a file for tools, null has no body. */
  status: 200 | 201 | 202 | 204;
  answer: z.ZodType | 'file' | 'stream' | 'dump' | null;
  /** The same answer for people, for whoever accepts text/plain before JSON. */
  text?: (answer: never) => string;
};

const showLog = (entries: z.output<typeof shape.logEntry>[]) =>
  entries
    .map(({ atMs, level, worker, message }) => {
      const who = worker === null ? '' : ` [${worker.name}]`;
      return `${new Date(atMs).toISOString()} ${level.padEnd(5)}${who} ${message.replace(/\s*\n\s*/g, ' ')}\n`;
    })
    .join('');

const id = z.object({ id: z.string() });
const withId = { params: id } as const;
const removal = z.object({ files: shape.removal.optional() });
const idempotency = z.object({
  'idempotency-key': z.string().min(1).max(200).optional().describe('The same key within 24 h gets the same download.'),
});

/** A document of 10 MiB in base64, and what is said beside it. */
const documentBodyBytes = 16 * 1024 * 1024;

/** The whole REST interface. Server, OpenAPI document and client are made from this table. */
export const routes = {
  getSession: { method: 'GET', path: '/session', summary: 'Who am I', access: 'public', status: 200, answer: shape.session },
  claimInstance: {
    method: 'POST',
    path: '/claim',
    summary: 'Make the first admin with the one-time code',
    access: 'public',
    body: shape.claim,
    status: 201,
    answer: shape.session,
  },
  logIn: {
    method: 'POST',
    path: '/session',
    summary: 'Log in',
    access: 'public',
    body: shape.login,
    status: 201,
    answer: shape.session,
  },
  logOut: { method: 'DELETE', path: '/session', summary: 'Log out', access: 'public', status: 204, answer: null },

  addDownload: {
    method: 'POST',
    path: '/downloads',
    summary: 'Add a download',
    access: 'downloads:write',
    headers: idempotency,
    body: shape.addDownload,
    bodyLimitBytes: documentBodyBytes,
    status: 201,
    answer: shape.download,
  },
  addMany: {
    method: 'POST',
    path: '/downloads/batch',
    summary: 'Add many downloads',
    access: 'downloads:write',
    headers: idempotency,
    body: shape.addMany,
    bodyLimitBytes: 32 * 1024 * 1024,
    status: 201,
    answer: shape.addManyResult,
  },
  listDownloads: {
    method: 'GET',
    path: '/downloads',
    summary: 'List downloads',
    access: 'downloads:read',
    query: shape.listQuery,
    status: 200,
    answer: shape.downloadPage,
  },
  deleteDownloads: {
    method: 'POST',
    path: '/downloads/delete',
    summary: 'Remove many downloads',
    access: 'downloads:write',
    body: shape.selection,
    status: 200,
    answer: shape.bulkResult,
  },
  actOnDownloads: {
    method: 'POST',
    path: '/downloads/actions',
    summary: 'Pause, resume, retry, cancel, remove or restore many downloads',
    access: 'downloads:write',
    body: shape.bulkAction,
    status: 200,
    answer: shape.bulkCounts,
  },
  getDownload: {
    method: 'GET',
    path: '/downloads/{id}',
    summary: 'One download',
    access: 'downloads:read',
    ...withId,
    status: 200,
    answer: shape.download,
  },
  changeDownload: {
    method: 'PATCH',
    path: '/downloads/{id}',
    summary: 'Change a download',
    access: 'downloads:write',
    ...withId,
    body: shape.changeDownload,
    status: 200,
    answer: shape.download,
  },
  removeDownload: {
    method: 'DELETE',
    path: '/downloads/{id}',
    summary: 'Remove a download',
    access: 'downloads:write',
    ...withId,
    query: removal,
    status: 204,
    answer: null,
  },
  pauseDownload: {
    method: 'POST',
    path: '/downloads/{id}/pause',
    summary: 'Pause',
    access: 'downloads:write',
    ...withId,
    status: 200,
    answer: shape.download,
  },
  resumeDownload: {
    method: 'POST',
    path: '/downloads/{id}/resume',
    summary: 'Resume',
    access: 'downloads:write',
    ...withId,
    status: 200,
    answer: shape.download,
  },
  retryDownload: {
    method: 'POST',
    path: '/downloads/{id}/retry',
    summary: 'Try a failed, cancelled or waiting one again, perhaps from a stage or with changes',
    access: 'downloads:write',
    ...withId,
    body: shape.retryDownload.optional(),
    status: 200,
    answer: shape.download,
  },
  cancelDownload: {
    method: 'POST',
    path: '/downloads/{id}/cancel',
    summary: 'Cancel',
    access: 'downloads:write',
    ...withId,
    status: 200,
    answer: shape.download,
  },
  restoreDownload: {
    method: 'POST',
    path: '/downloads/{id}/restore',
    summary: 'Bring a removed one back to the list',
    access: 'downloads:write',
    ...withId,
    status: 200,
    answer: shape.download,
  },
  listFiles: {
    method: 'GET',
    path: '/downloads/{id}/files',
    summary: 'Files of a download',
    access: 'downloads:read',
    ...withId,
    status: 200,
    answer: z.array(shape.downloadFile),
  },
  getFileContent: {
    method: 'GET',
    path: '/downloads/{id}/files/{index}/content',
    summary: 'Content of a delivered file',
    access: 'files:read',
    params: z.object({ id: z.string(), index: z.coerce.number<number | string>().int().min(0) }),
    status: 200,
    answer: 'file',
  },
  listDownloadEvents: {
    method: 'GET',
    path: '/downloads/{id}/events',
    summary: 'Timeline of a download',
    access: 'downloads:read',
    ...withId,
    status: 200,
    answer: z.array(shape.event),
  },
  listAttempts: {
    method: 'GET',
    path: '/downloads/{id}/attempts',
    summary: 'What was tried for a download, oldest first',
    access: 'downloads:read',
    ...withId,
    status: 200,
    answer: z.array(shape.attempt),
  },
  getDownloadLog: {
    method: 'GET',
    path: '/downloads/{id}/log',
    summary: 'Log of a download: timeline, tries and what workers said, oldest first; text/plain when that is accepted',
    access: 'downloads:read',
    ...withId,
    query: z.object({ level: shape.logLevel.optional().describe('This level and what is graver; debug when absent.') }),
    status: 200,
    answer: z.array(shape.logEntry),
    text: showLog,
  },
  getPieces: {
    method: 'GET',
    path: '/downloads/{id}/pieces',
    summary: 'Which bytes are on disk',
    access: 'downloads:read',
    ...withId,
    status: 200,
    answer: shape.pieces,
  },
  getReceipt: {
    method: 'GET',
    path: '/downloads/{id}/receipt',
    summary: 'Receipt of a completed download',
    access: 'downloads:read',
    ...withId,
    status: 200,
    answer: shape.receipt,
  },

  listHistory: {
    method: 'GET',
    path: '/history',
    summary: 'Finished and removed downloads, newest first',
    access: 'downloads:read',
    query: shape.historyQuery,
    status: 200,
    answer: shape.downloadPage,
  },
  clearHistory: {
    method: 'DELETE',
    path: '/history',
    summary: 'Forget finished and removed downloads; files and the trash stay',
    access: 'downloads:write',
    query: shape.listQuery.pick({ state: true, q: true }),
    status: 200,
    answer: z.object({ removed: z.int() }),
  },

  probeLink: {
    method: 'POST',
    path: '/probe',
    summary: 'Look at a link without adding it',
    access: 'downloads:write',
    body: z
      .strictObject({ ...shape.linkOrDocument, request: shape.request.optional() })
      .refine(({ url, document }) => (url === undefined) !== (document === undefined), 'Give either a url or a document.'),
    bodyLimitBytes: documentBodyBytes,
    status: 200,
    answer: shape.resolution,
  },

  listDestinations: {
    method: 'GET',
    path: '/destinations',
    summary: 'Destinations',
    access: 'settings:read',
    status: 200,
    answer: z.array(shape.destination),
  },
  addDestination: {
    method: 'POST',
    path: '/destinations',
    summary: 'Add a destination',
    access: 'settings:write',
    body: shape.putDestination,
    status: 201,
    answer: shape.destination,
  },
  changeDestination: {
    method: 'PUT',
    path: '/destinations/{id}',
    summary: 'Change a destination',
    access: 'settings:write',
    ...withId,
    body: shape.putDestination,
    status: 200,
    answer: shape.destination,
  },
  removeDestination: {
    method: 'DELETE',
    path: '/destinations/{id}',
    summary: 'Remove a destination',
    access: 'settings:write',
    ...withId,
    status: 204,
    answer: null,
  },
  testDestination: {
    method: 'POST',
    path: '/destinations/test',
    summary: 'Write, read and delete a small file there',
    access: 'settings:write',
    body: shape.putDestination,
    status: 200,
    answer: shape.destinationTest,
  },

  getSettings: {
    method: 'GET',
    path: '/settings',
    summary: 'Settings',
    access: 'settings:read',
    status: 200,
    answer: shape.settingsView,
  },
  changeSettings: {
    method: 'PATCH',
    path: '/settings',
    summary: 'Change settings',
    access: 'settings:write',
    body: shape.settings.partial(),
    status: 200,
    answer: shape.settingsView,
  },
  checkStages: {
    method: 'POST',
    path: '/settings/stages/check',
    summary: 'Which stages a link would climb; nothing is asked for',
    access: 'settings:write',
    body: z.strictObject({ url: z.string().max(8192) }),
    status: 200,
    answer: shape.ladder,
  },

  listUsers: {
    method: 'GET',
    path: '/users',
    summary: 'Users and what they are allowed',
    access: 'admin',
    status: 200,
    answer: z.array(shape.user),
  },
  changeUserLimits: {
    method: 'PATCH',
    path: '/users/{id}/limits',
    summary: 'Change what a user is allowed',
    access: 'admin',
    ...withId,
    body: shape.userLimits.partial(),
    status: 200,
    answer: shape.user,
  },

  listTokens: {
    method: 'GET',
    path: '/tokens',
    summary: 'API tokens',
    access: 'admin',
    status: 200,
    answer: z.array(shape.token),
  },
  addToken: {
    method: 'POST',
    path: '/tokens',
    summary: 'Make an API token',
    access: 'admin',
    body: shape.addToken,
    status: 201,
    answer: shape.newToken,
  },
  removeToken: {
    method: 'DELETE',
    path: '/tokens/{id}',
    summary: 'Revoke an API token',
    access: 'admin',
    ...withId,
    status: 204,
    answer: null,
  },

  listWorkers: {
    method: 'GET',
    path: '/workers',
    summary: 'Workers',
    access: 'downloads:read',
    status: 200,
    answer: z.array(shape.worker),
  },
  changeWorker: {
    method: 'PATCH',
    path: '/workers/{id}',
    summary: 'Change what a worker does',
    access: 'admin',
    ...withId,
    body: fleet.changeWorker,
    status: 200,
    answer: shape.worker,
  },
  removeWorker: {
    method: 'DELETE',
    path: '/workers/{id}',
    summary: 'Revoke the key of a worker and forget it; what it does goes to others at once',
    access: 'admin',
    ...withId,
    status: 204,
    answer: null,
  },
  inviteWorker: {
    method: 'POST',
    path: '/workers/joins',
    summary: 'Make a one-time key, with the command that makes a worker of a machine',
    access: 'admin',
    body: fleet.invite,
    status: 201,
    answer: fleet.invitation,
  },
  enrolWorker: {
    method: 'POST',
    path: '/worker/enrol',
    summary: 'Trade a one-time key for a key of its own',
    access: 'public',
    body: fleet.enrol,
    status: 200,
    answer: fleet.enrolled,
  },
  registerWorker: {
    method: 'POST',
    path: '/worker/register',
    summary: 'A worker starts, and holds nothing',
    access: 'worker',
    body: fleet.hello,
    status: 200,
    answer: fleet.workerSession,
  },
  claimTasks: {
    method: 'POST',
    path: '/worker/claim',
    summary: 'A worker asks for tasks, and waits for them',
    access: 'worker',
    body: fleet.claimRequest,
    status: 200,
    answer: fleet.claims,
  },
  reportTasks: {
    method: 'POST',
    path: '/worker/report',
    summary: 'A worker tells how far it is, and hears what to give up',
    access: 'worker',
    body: fleet.reportRequest,
    bodyLimitBytes: fleet.mostReportBytes,
    status: 200,
    answer: fleet.reportAnswer,
  },
  noteTask: {
    method: 'POST',
    path: '/worker/note',
    summary: 'A worker tells a step inside a task to the timeline',
    access: 'worker',
    body: fleet.noteRequest,
    status: 204,
    answer: null,
  },
  finishTask: {
    method: 'POST',
    path: '/worker/finish',
    summary: 'A worker tells how a task ended; the same again changes nothing',
    access: 'worker',
    body: fleet.finishRequest,
    bodyLimitBytes: fleet.mostFinishBytes,
    status: 204,
    answer: null,
  },
  getStats: {
    method: 'GET',
    path: '/stats',
    summary: 'What goes on now, totals, and what was done in some days',
    access: 'downloads:read',
    query: shape.statsQuery,
    status: 200,
    answer: shape.stats,
  },
  profileCpu: {
    method: 'POST',
    path: '/debug/cpu-profile',
    summary: 'Where the time of this process goes, as a .cpuprofile; the answer comes when the time is over',
    access: 'admin',
    body: z.strictObject({ seconds: z.int().min(1).max(30).optional().describe('10 when absent.') }),
    status: 200,
    answer: 'dump',
  },
  snapshotHeap: {
    method: 'POST',
    path: '/debug/heap-snapshot',
    summary: 'What the memory of this process holds, secrets too, as a .heapsnapshot; it stands still meanwhile',
    access: 'admin',
    status: 200,
    answer: 'dump',
  },
  streamEvents: {
    method: 'GET',
    path: '/events',
    summary: 'Live events (server-sent); resumes after Last-Event-ID',
    access: 'downloads:read',
    headers: z.object({ 'last-event-id': z.string().regex(/^\d+$/).optional() }),
    status: 200,
    answer: 'stream',
  },
  viewStream: {
    method: 'PUT',
    path: '/streams/{id}/view',
    summary: 'Which downloads are in sight of the reader of a live stream, by the id that its hello told',
    access: 'downloads:read',
    ...withId,
    body: shape.streamView,
    status: 204,
    answer: null,
  },
} as const satisfies Record<string, Route>;

export type RouteName = keyof typeof routes;
