import { z } from 'zod';
import { periods } from '#control/stats.ts';
import { scopes } from '#core/access.ts';
import { parseChecksum } from '#core/checksum.ts';
import { isShallow } from '#core/depth.ts';
import { downloadStates, listFilters, phases, queueReasons } from '#core/download.ts';
import { FlotillaError } from '#core/errors.ts';
import { eventNames } from '#core/event.ts';
import { isTimeOfDay } from '#core/hours.ts';
import { isHostPattern } from '#core/limits.ts';
import { mostMirrors } from '#core/listing.ts';
import { taskKinds } from '#core/protocol.ts';
import { checkProxyRule, mostProxyRules } from '#core/proxies.ts';
import { checkRequest } from '#core/request.ts';
import { longestSelection, selectionPattern } from '#core/selection.ts';
import { mostStages } from '#core/stage.ts';
import { hourSpeeds } from '#core/timetable.ts';

const timeMs = z.int().describe('Milliseconds since 1970-01-01 UTC.');
const bytes = z.int().min(0);

export const problem = z
  .object({
    type: z.string(),
    title: z.string(),
    status: z.int(),
    code: z.string().describe('Stable word for programs.'),
    detail: z.string().describe('What happened, why, and what to do.'),
    errors: z.array(z.object({ path: z.string(), message: z.string() })).optional(),
    requestId: z.string().optional().describe('Finds the lines of this request in the log of the server.'),
  })
  .meta({ id: 'Problem', description: 'RFC 9457 problem details.' });

export const digest = z
  .object({
    algorithm: z.enum(['md5', 'sha-1', 'sha-256', 'sha-512', 'crc32', 'crc32c', 'crc64nvme']),
    // A CRC of 32 bits is the shortest one.
    hex: z.string().regex(/^[0-9a-f]{8,128}$/),
  })
  .meta({ id: 'Digest' });

const checksum = z
  .object({ algorithm: z.enum(['md5', 'sha-1', 'sha-256', 'sha-512']), hex: z.string().regex(/^[0-9a-f]{32,128}$/) })
  .superRefine(({ algorithm, hex }, context) => addIssueOf(context, () => parseChecksum(`${algorithm}=${hex}`)))
  .meta({ id: 'Checksum', description: 'What a person knows of a file.' });

export const failure = z
  .object({
    code: z.string(),
    message: z.string(),
    retry: z.enum(['never', 'later', 'elsewhere']),
    retryAfterMs: z.int().nullable(),
  })
  .meta({ id: 'Failure' });

const validator = z.object({ etag: z.string().nullable(), lastModified: z.string().nullable() });

export const resolution = z
  .object({
    kind: z.string(),
    name: z.string(),
    files: z.array(z.object({ path: z.string(), sizeBytes: bytes.nullable() })),
    infoHash: z.string().optional().describe('Of a torrent, in hex.'),
    infoHashV2: z.string().optional().describe('Of a torrent of version 2, in hex.'),
    details: z.record(z.string(), z.unknown()).optional().describe('What is special to the kind, such as formats.'),
    resumable: z.boolean().nullable(),
    finalUrl: z.string(),
    validator,
    mediaType: z.string().nullable(),
    digests: z.array(digest),
  })
  .meta({ id: 'Resolution', description: 'What probing a link found.' });

/** What the core refuses is refused at the door, in its words. */
function addIssueOf(context: z.RefinementCtx, check: () => unknown): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof FlotillaError)) throw error;
    context.addIssue({ code: 'custom', message: error.message });
  }
}

const requestFields = {
  headers: z
    .array(z.strictObject({ name: z.string().max(100), value: z.string().max(8192) }))
    .max(100)
    .optional()
    .describe('Sent to the origin of the link; a redirect to another origin loses them.'),
  userAgent: z.string().max(8192).optional(),
  referer: z.string().max(8192).optional().describe('The page that the link was found on.'),
  cookies: z
    .string()
    .max(65_536)
    .optional()
    .describe('Text of a Netscape cookie file; each cookie goes only where it belongs.'),
  proxy: z.string().max(2048).optional().describe('http://…, https://… or socks5://…, with its own login when it needs one.'),
  localAddress: z.string().max(64).optional().describe('Own address of the worker that connections start from.'),
  family: z
    .union([z.literal(4), z.literal(6)])
    .optional()
    .describe('Only IPv4 or only IPv6 addresses.'),
};

/** Write-only: no answer shows it. */
export const request = z
  .strictObject({
    ...requestFields,
    user: z
      .strictObject({ name: z.string().max(1024), password: z.string().max(8192) })
      .optional()
      .describe('Login at the origin of the link: Basic, or Digest when the server asks for it.'),
    bearer: z.string().max(8192).optional().describe('Token for the origin of the link.'),
    ca: z.string().max(65_536).optional().describe('Authorities that are trusted besides the usual ones (PEM).'),
    certificate: z
      .strictObject({ cert: z.string().max(65_536), key: z.string().max(65_536) })
      .optional()
      .describe('Shown to the origin of the link in the TLS handshake (PEM).'),
    sshKey: z
      .string()
      .max(65_536)
      .optional()
      .describe('Private key for the SSH server of the link (PEM or OpenSSH); the password of `user` opens a locked one.'),
  })
  .superRefine((given, context) => addIssueOf(context, () => checkRequest(given)))
  .meta({ id: 'RequestOptions', description: 'How the link is asked for. Write-only: no answer shows it.' });

const mirrors = z
  .array(z.string().max(8192))
  .max(mostMirrors)
  .optional()
  .describe(
    'Other links to the same file. The fastest do the work; what is secret still goes to the origin of the link alone.',
  );

const timeOfDay = z.string().refine(isTimeOfDay, 'A time of the day looks like 23:30.');
/** Later ones are no dates: ECMA-262 section 21.4.1.1. */
const startTime = timeMs.min(0).max(8_640_000_000_000_000 - 366 * 86_400_000);
const hours = z
  .strictObject({ from: timeOfDay, to: timeOfDay })
  .describe('Only between these times of each day, in the time zone of the server; it may go over midnight.');

/** How the person wants it; shared by adding one and adding many. */
const labels = z
  .array(z.string().regex(/^[a-z0-9][a-z0-9:._-]{0,39}$/))
  .max(20)
  .describe('Only workers that have all of these labels take it.');

/** What a source is asked for. */
const asked = {
  as: z
    .string()
    .regex(/^[a-z][a-z0-9]{0,31}$/)
    .optional()
    .describe('The kind of source that is to fetch it, such as torrent or media; found out when absent.'),
  parameters: z
    .record(z.string().max(64), z.unknown())
    .refine((given) => isShallow(given), { error: 'The parameters are nested too deep.', abort: true })
    .refine((given) => JSON.stringify(given).length <= 65_536, 'The parameters are longer than 64 KiB.')
    .optional()
    .describe('What that source is asked for.'),
};

const files = z
  .string()
  .max(longestSelection)
  .regex(selectionPattern)
  .optional()
  .describe('Which of its files are wanted, counted from 0: 0,2-5. All when absent.');

/** base64 is a third longer. */
const document = z
  .string()
  .max(14 * 1024 * 1024)
  .regex(/^[A-Za-z0-9+/]+={0,2}$/)
  .optional()
  .describe('A file in base64 that is given instead of a link, such as a .torrent.');

/** What tells a link, and what is asked of its source. */
export const linkOrDocument = { url: z.string().max(8192).optional().describe('The link.'), document, ...asked };

const wishes = {
  ...asked,
  destinationId: z.string().optional().describe('Where the finished file goes; the default destination when absent.'),
  connections: z.int().min(1).max(32).optional().describe('Connections opened to one server for one file.'),
  limitBytesPerSecond: z.int().min(1024).optional().describe('Most bytes per second for this download.'),
  remoteTime: z.boolean().optional().describe('The finished file gets the time of its last change on the server.'),
  startAtMs: startTime.optional().describe('Not before this time.'),
  hours: hours.optional(),
  labels: labels.optional(),
  paused: z.boolean().optional().describe('Add it, but do not start.'),
  request: request.optional(),
};

export const addDownload = z
  .strictObject({
    ...linkOrDocument,
    files,
    name: z.string().min(1).max(255).optional().describe('Name of the finished file; the one the server suggests when absent.'),
    mirrors,
    checksum: checksum.optional().describe('The finished file must have this digest.'),
    ...wishes,
  })
  .refine(({ url, document: given }) => (url === undefined) !== (given === undefined), 'Give either a url or a document.')
  .meta({ id: 'AddDownload' });

const metalink = z
  .string()
  .max(1024 * 1024)
  .optional();

export const askProbe = z
  .strictObject({
    ...linkOrDocument,
    metalink: metalink.describe('Text of a Metalink document.'),
    request: request.optional(),
    waitSeconds: z
      .number()
      .min(0)
      .max(30)
      .optional()
      .describe('How long to wait for the answer before it is said that it takes longer; 2.5 when absent.'),
  })
  .refine(
    ({ url, document: given, metalink: text }) => [url, given, text].filter((one) => one !== undefined).length === 1,
    'Give one of url, document and metalink.',
  )
  .meta({ id: 'AskProbe' });

export const looking = z
  .object({ looking: z.literal(true), id: z.string().describe('Ask again with it within ten seconds.') })
  .meta({ id: 'Looking', description: 'It takes longer to find out what the link is.' });

export const source = z
  .object({
    kind: z.string(),
    schemes: z.array(z.string()).describe('With the colon. None: it is for what is found behind links of others.'),
    parameters: z.record(z.string(), z.unknown()).nullable().describe('JSON Schema of what may be chosen for a download.'),
    ready: z.boolean().describe('Is there a worker that can do it now?'),
  })
  .meta({ id: 'Source', description: 'A kind of link.' });

const mostLinks = 10_000;

export const addMany = z
  .strictObject({
    links: z
      .array(
        z.strictObject({
          url: z.string().max(8192),
          name: z.string().min(1).max(255).optional(),
          mirrors,
          ...asked,
          files,
          checksum: checksum.optional(),
        }),
      )
      .min(1)
      .max(mostLinks, `One request takes at most ${mostLinks} links. Send the others in another.`)
      .optional(),
    metalink: metalink.describe(
      'Text of a Metalink document (version 3 or 4): each file that it lists is added, with its mirrors and digests.',
    ),
    files: files.describe('Which of the files that the Metalink document lists are wanted. All when absent.'),
    ...wishes,
  })
  .refine(({ links, metalink }) => (links === undefined) !== (metalink === undefined), 'Give either links or a metalink.')
  .refine(({ files: given, links }) => given === undefined || links === undefined, 'Give each link its own files.')
  .meta({ id: 'AddMany' });

export const changeDownload = z
  .strictObject({
    name: z.string().min(1).max(255).optional(),
    destinationId: z.string().optional(),
    mirrors: mirrors.nullable(),
    as: asked.as.nullable(),
    parameters: asked.parameters.nullable(),
    files: files.nullable(),
    checksum: checksum.nullable().optional(),
    connections: z.int().min(1).max(32).nullable().optional(),
    limitBytesPerSecond: z.int().min(1024).nullable().optional(),
    startAtMs: startTime.nullable().optional(),
    hours: hours.nullable().optional(),
    labels: labels.nullable().optional(),
    priority: z.int().min(-100).max(100).optional().describe('Of their owner’s downloads the higher ones go first.'),
    place: z.enum(['first', 'last']).optional().describe('Among those of the same priority.'),
    request: request.nullable().optional().describe('Takes the place of all that was given before.'),
  })
  .meta({ id: 'ChangeDownload' });

export const retryDownload = z
  .strictObject({
    from: z.string().max(64).optional().describe('The stage of its ladder to go on from; the first one when absent.'),
    ...changeDownload.shape,
  })
  .meta({ id: 'RetryDownload' });

export const download = z
  .object({
    id: z.string(),
    link: z.string().describe('Without a password.'),
    kind: z.string().nullable(),
    name: z.string(),
    state: z.enum(downloadStates),
    phase: z.enum(phases).nullable().describe('What an active download is doing.'),
    reason: z.enum(queueReasons).nullable().describe('Why a queued download waits.'),
    retryAtMs: timeMs.nullable(),
    sizeBytes: bytes.nullable(),
    doneBytes: bytes,
    speedBytesPerSecond: z.number(),
    etaSeconds: z.number().nullable(),
    connectionCount: z.int(),
    resumable: z.boolean().nullable(),
    destinationId: z.string(),
    location: z.string().nullable().describe('Where the finished file is, once delivered.'),
    mirrors: z.array(z.string()).describe('Without passwords.'),
    checksum: digest.nullable(),
    connections: z.int().nullable(),
    limitBytesPerSecond: z.int().nullable(),
    startAtMs: timeMs.nullable(),
    hours: hours.nullable(),
    labels: z.array(z.string()),
    priority: z.int(),
    attempt: z.int(),
    stage: z.string().nullable().describe('Where it stands on its ladder; null while there is only one stage.'),
    failure: failure.nullable(),
    createdAtMs: timeMs,
    startedAtMs: timeMs.nullable(),
    finishedAtMs: timeMs.nullable(),
    removedAtMs: timeMs.nullable(),
    eraseAtMs: timeMs.nullable().describe('It is in the trash: its files are erased then unless it is restored.'),
  })
  .meta({ id: 'Download' });

export const counts = z
  .object({ all: z.int(), active: z.int(), queued: z.int(), finished: z.int(), failed: z.int() })
  .meta({ id: 'Counts' });

export const downloadPage = z
  .object({ items: z.array(download), nextCursor: z.string().nullable(), counts })
  .meta({ id: 'DownloadPage' });

/** A tab of the list, or one state. */
const filter = z.enum([...listFilters, ...downloadStates.filter((state) => !isFilter(state))]);

export const listQuery = z.object({
  state: filter.optional(),
  kind: z.string().optional(),
  q: z.string().max(500).optional().describe('Part of the name or of the link.'),
  cursor: z.string().optional(),
  limit: z.coerce.number<number | string>().int().min(1).max(500).optional().describe('Items a page; 100 when absent.'),
  ids: z
    .string()
    .max(8000)
    .regex(/^[^,]+(,[^,]+){0,199}$/)
    .optional()
    .describe(
      'These and no others, at most 200, with commas between. Unknown ones are left out, and so is the rest of the query.',
    ),
});

export const historyQuery = listQuery.omit({ ids: true }).extend({
  trash: z.enum(['true', 'false']).optional().describe('Only what is in the trash.'),
});

/** What becomes of delivered files. */
export const removal = z
  .enum(['false', 'true', 'now'])
  .describe('false leaves delivered files, true puts them into the trash, now erases them.');

const bulkWhich = {
  ids: z.array(z.string()).max(10_000).optional(),
  query: z
    .strictObject({
      state: filter.optional(),
      q: z.string().max(500).optional(),
      trash: z.boolean().optional().describe('Of what is in the trash.'),
    })
    .optional()
    .describe('All that match and that it can be done to.'),
};
// Neither would be a slip that does nothing or everything, depending on who reads it.
const isOne = ({ ids, query }: { ids?: unknown; query?: unknown }) => (ids === undefined) !== (query === undefined);

export const bulkAction = z
  .strictObject({
    action: z.enum(['pause', 'resume', 'retry', 'cancel', 'remove', 'restore']),
    ...bulkWhich,
    files: removal.optional(),
  })
  .refine(isOne, 'Give either ids or a query.')
  .meta({ id: 'BulkAction' });

export const bulkCounts = z
  .object({
    doneCount: z.int(),
    problemCount: z.int(),
    problems: z.array(z.object({ id: z.string(), problem: z.string() })).describe('The first 100.'),
    ids: z.array(z.string()).describe('What it was done to, the first 10,000: enough to take it back.'),
  })
  .meta({ id: 'BulkCounts' });

/** Which downloads a bulk action means: the ones named, or all that match. */
export const selection = z
  .strictObject({
    ...bulkWhich,
    files: z.boolean().optional().describe('Delivered files go into the trash too.'),
  })
  .refine(isOne, 'Give either ids or a query.')
  .meta({ id: 'Selection' });

export const bulkResult = z
  .object({ items: z.array(z.object({ id: z.string(), ok: z.boolean(), problem: z.string().nullable() })) })
  .meta({ id: 'BulkResult' });

export const addManyResult = z
  .object({
    items: z.array(z.object({ url: z.string(), download: download.nullable(), problem: z.string().nullable() })),
  })
  .meta({ id: 'AddManyResult' });

export const downloadFile = z
  .object({
    index: z.int(),
    path: z.string(),
    sizeBytes: bytes.nullable(),
    digests: z.array(digest),
    location: z.string().nullable(),
    available: z.boolean().describe('Can its content be opened through the API now?'),
    wanted: z.boolean().describe('Was it chosen?'),
    doneBytes: bytes.nullable().describe('On disk; null is not known just now.'),
  })
  .meta({ id: 'DownloadFile' });

export const filesQuery = z.object({
  cursor: z.coerce
    .number<number | string>()
    .int()
    .min(0)
    .optional()
    .describe('The index to begin with: one more than that of the last file of the page before.'),
  limit: z.coerce
    .number<number | string>()
    .int()
    .min(1)
    .max(1000)
    .optional()
    .describe('Files a page; all when absent. A page that has fewer is the last one.'),
});

export const event = z
  .object({
    sequence: z.int(),
    name: z.enum(eventNames),
    atMs: timeMs,
    downloadId: z.string().nullable(),
    message: z.string(),
    data: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'Event' });

export const logLevel = z.enum(['debug', 'info', 'warn', 'error']);

export const logEntry = z
  .object({
    atMs: timeMs,
    level: logLevel,
    source: z.enum(['timeline', 'attempt', 'worker']).describe('What happened to it, how a task ended, or what a worker said.'),
    message: z.string(),
    worker: z.object({ id: z.string(), name: z.string() }).nullable(),
    taskId: z.string().nullable(),
    epoch: z.int().nullable(),
  })
  .meta({ id: 'LogEntry' });

export const pieces = z
  .object({
    sizeBytes: bytes.nullable(),
    ranges: z.array(z.tuple([z.int(), z.int()])).describe('On disk: [startByte, endByte), ascending.'),
    connections: z.array(
      z.object({
        mirror: z.string().describe('The server it goes to.'),
        startByte: z.int(),
        position: z.int(),
        endByte: z.int().nullable(),
        speedBytesPerSecond: z.number(),
      }),
    ),
    stretches: z
      .array(z.object({ mirror: z.string(), ranges: z.array(z.tuple([z.int(), z.int()])) }))
      .describe(
        'Which bytes each of several servers brought since the download was last taken up; empty while one brings all.',
      ),
  })
  .meta({ id: 'Pieces' });

export const receipt = z
  .object({
    downloadId: z.string(),
    link: z.string(),
    finalUrl: z.string(),
    validator,
    sizeBytes: bytes,
    fetchedBytes: bytes.describe('Bytes that came over the network, useful or not.'),
    connections: z.int(),
    files: z.array(
      z.object({
        path: z.string(),
        sizeBytes: bytes,
        sha256: z.string(),
        digests: z.array(digest),
        verifiedAgainst: z.array(digest),
        location: z.string(),
        provenSha256: z.string().describe('Read back from the destination.'),
      }),
    ),
    worker: z.object({ id: z.string(), name: z.string() }),
    destination: z.object({ id: z.string(), kind: z.string(), name: z.string() }),
    attempt: z.int(),
    queuedAtMs: timeMs,
    startedAtMs: timeMs,
    fetchedAtMs: timeMs,
    completedAtMs: timeMs,
  })
  .meta({ id: 'Receipt' });

export const destination = z
  .object({
    id: z.string(),
    kind: z.string(),
    name: z.string(),
    options: z.record(z.string(), z.unknown()),
    isDefault: z.boolean(),
    freeBytes: z.number().nullable(),
  })
  .meta({ id: 'Destination' });

export const putDestination = z
  .strictObject({
    kind: z.string(),
    name: z.string().min(1).max(100),
    options: z.record(z.string(), z.unknown()),
    isDefault: z.boolean().optional(),
  })
  .meta({ id: 'PutDestination' });

export const destinationTest = z
  .object({ ok: z.boolean(), steps: z.array(z.object({ step: z.string(), ok: z.boolean(), message: z.string().nullable() })) })
  .meta({ id: 'DestinationTest' });

const proxyRule = z
  .strictObject({
    host: z.string().max(255).describe('example.org, *.example.org for it with everything below, or * for every host.'),
    proxy: z
      .string()
      .max(2048)
      .describe('http://…, https://…, socks5://… or direct. Its password is shown as ***, which leaves it as it is.'),
  })
  .superRefine((rule, context) => addIssueOf(context, () => checkProxyRule(rule)));
const speed = z
  .int()
  .min(1024)
  .max(2 ** 50);

export const hostRule = z
  .strictObject({
    host: z
      .string()
      .max(255)
      .refine(
        isHostPattern,
        'A rule is about a host as links name it, in small letters and without a port; *.example.org is that name and all below it, * is every host.',
      )
      .describe('example.org, *.example.org (with all below it) or *; each host that fits is counted by itself.'),
    bytesPerSecond: speed.nullable().describe('Of all downloads from that host together.'),
    connections: z.int().min(1).max(256).nullable().describe('At once, of all downloads together.'),
    downloads: z.int().min(1).max(10_000).nullable().describe('Fetched at the same time, by the host of their links.'),
    labels: labels.optional(),
  })
  .meta({ id: 'HostRule' });

export const stage = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(64)
      .describe('As asked is the link as the person asked for it: it says when, and changes nothing.'),
    kind: z.string().min(1).max(32).nullable().describe('The kind of source it is for, such as http; null is any.'),
    host: z.string().max(255).describe('example.org, *.example.org (with all below it) or *: the links it is for.'),
    attempts: z.int().min(1).max(50).describe('Passing faults in a row before the next stage.'),
    labels: labels.describe('Only workers that have all of these labels do it.'),
    connections: z.int().min(1).max(32).nullable().describe('Opened to one server for one file; null leaves them as they are.'),
    request: z
      .strictObject(requestFields)
      .describe(
        'Takes the place of what was asked for, field by field. What may be secret is shown as ***, which leaves it as it is.',
      ),
    parameters: asked.parameters.describe('What its kind of source is asked for, over what was asked for, name by name.'),
  })
  .meta({ id: 'Stage' });

const stages = z
  .array(stage)
  .max(mostStages)
  .describe('What a download is tried with, in this order, after it failed as it was asked for; those whose host fits.');

export const ladder = z
  .object({
    kind: z.string(),
    host: z.string(),
    stages: z.array(z.object({ name: z.string(), attempts: z.int() })).describe('In the order that they would be climbed.'),
    remembered: z
      .object({ stage: z.string(), atMs: timeMs })
      .nullable()
      .describe('It would begin with this one, which worked for the host before.'),
  })
  .meta({ id: 'Ladder' });

export const attempt = z
  .object({
    kind: z.enum(taskKinds),
    stage: z.string().nullable(),
    outcome: z.string(),
    message: z.string().nullable().describe('Why it failed.'),
    worker: z.object({ id: z.string(), name: z.string() }),
    startedAtMs: timeMs,
    finishedAtMs: timeMs,
  })
  .meta({ id: 'Attempt' });

export const settings = z
  .strictObject({
    parallelDownloads: z.int().min(1).max(100_000).describe('Downloads that are fetched at the same time.'),
    connections: z.int().min(1).max(32).describe('Connections a download opens when it does not say.'),
    maxTries: z.int().min(1).max(50).describe('Tries of a passing fault before a download fails.'),
    proxies: z.array(proxyRule).max(mostProxyRules).describe('Proxies by the host of a link; the first that fits counts.'),
    stages,
    trashDays: z
      .int()
      .min(0)
      .max(3650)
      .describe('Days before the files of what was removed with them are erased; 0 is at once.'),
    keepHistoryDays: z
      .int()
      .min(1)
      .max(36_500)
      .nullable()
      .describe('Days that finished downloads stay in the history; null is for ever.'),
    limitBytesPerSecond: speed.nullable().describe('Most bytes per second of all downloads together; null is no limit.'),
    hostRules: z.array(hostRule).max(200).describe('The first rule that fits a host counts for it.'),
    timetable: z
      .array(z.array(z.enum(hourSpeeds)).length(24))
      .length(7)
      .nullable()
      .describe(
        'What each hour of the week allows, from Monday on, in the time zone of the server; null is full at all times.',
      ),
    limitedBytesPerSecond: speed.describe('Most bytes per second in the limited hours of the timetable.'),
  })
  .meta({ id: 'ChangeSettings' });

export const settingsView = settings
  .extend({ timeZone: z.string().describe('Where the server is, and what its timetable is read in.') })
  .meta({ id: 'Settings' });

/** null: as much as there is. */
export const userLimits = z
  .strictObject({
    limitBytesPerSecond: speed.nullable().describe('Most bytes per second of all their downloads together.'),
    maxActive: z.int().min(1).max(10_000).nullable().describe('Downloads of theirs that are fetched at the same time.'),
    maxQueued: z.int().min(1).max(10_000_000).nullable().describe('Unfinished downloads of theirs; more are refused.'),
    maxBytesPerDownload: z.int().min(1).nullable().describe('A download that is larger is refused.'),
    weight: z.int().min(1).max(1000).describe('With 2 they get twice as much of what is shared as with 1.'),
  })
  .meta({ id: 'UserLimits' });

export const user = userLimits
  .extend({ id: z.string(), name: z.string(), role: z.enum(['admin', 'user']) })
  .meta({ id: 'User' });

/** null: the worker cannot tell. */
export const vitals = z
  .strictObject({
    mostFetches: z.int().min(0).max(1000).describe('Most downloads that it fetches at once.'),
    cpuShare: z.number().min(0).max(1).nullable().describe('Of what it may use of the processors.'),
    load: z.number().min(0).max(1_000_000).nullable().describe('Over the last minute, for each processor.'),
    memoryTotalBytes: bytes.nullable(),
    memoryFreeBytes: bytes.nullable(),
    diskTotalBytes: bytes.nullable().describe('Of the disk that unfinished files lie on.'),
    diskFreeBytes: bytes.nullable(),
    temperatureCelsius: z.number().min(-274).max(1000).nullable(),
    temperatureProblem: z.enum(['no_sensor', 'unreadable']).nullable().describe('Why there is no temperature.'),
    speedBytesPerSecond: z.number().min(0),
  })
  .meta({ id: 'Vitals' });

export const worker = z
  .object({
    id: z.string(),
    name: z.string(),
    version: z.string(),
    state: z.enum(['online', 'lost']),
    wanted: z.enum(['work', 'pause', 'drain']).describe('pause: takes nothing new · drain: gives back what it has, too.'),
    labels: z.array(z.string()),
    maxFetches: z.int().nullable().describe('Most downloads at once; null is as many as the machine says.'),
    embedded: z.boolean().describe('It lives in the process of a server, and needs no key.'),
    activeTasks: z.int(),
    speedBytesPerSecond: z.number(),
    vitals: vitals.nullable().describe('How its machine was when it last told.'),
    registeredAtMs: timeMs,
    seenAtMs: timeMs,
  })
  .meta({ id: 'Worker' });

const dailySums = {
  completed: z.int(),
  failed: z.int().describe('For good.'),
  retries: z.int().describe('Failures that another try followed.'),
  fetchedBytes: z.number().describe('Of completed downloads: what came over the network, useful or not.'),
  deliveredBytes: z.number(),
};
const share = z.number().min(0).max(1).nullable();

export const periodStats = z
  .object({
    period: z.enum(periods),
    fromDay: z.string().nullable().describe('In the time zone of the server, as 2026-11-21; null is from the beginning.'),
    toDay: z.string(),
    ...dailySums,
    successRate: share.describe('Completed of completed and failed.'),
    usefulShare: share.describe('Delivered of fetched bytes.'),
    medianSpeedBytesPerSecond: z.number().nullable().describe('Of completed downloads, to about 9 %.'),
    days: z.array(z.object({ day: z.string(), ...dailySums })).describe('Those on which something ended.'),
    workers: z.array(z.object({ id: z.string(), name: z.string(), ...dailySums })),
    hosts: z.array(z.object({ name: z.string(), ...dailySums })).describe('The 20 that brought most; * is many small ones.'),
    failures: z.array(z.object({ name: z.string().describe('Code of the failure.'), ...dailySums })),
  })
  .meta({ id: 'PeriodStats', description: 'What was done in some days.' });

export const statsQuery = z.object({ period: z.enum(periods).optional().describe('today when absent.') });

export const stats = z
  .object({
    counts,
    speedBytesPerSecond: z.number(),
    fetchedBytesTotal: z.number(),
    completedTotal: z.int(),
    failedTotal: z.int(),
    freeBytes: z.number().nullable().describe('At the default destination.'),
    workersOnline: z.int(),
    workersTotal: z.int(),
    version: z.string(),
    period: periodStats,
  })
  .meta({ id: 'Stats' });

export const session = z
  .object({
    claimed: z.boolean().describe('false: nobody owns this instance yet; the one-time code claims it.'),
    user: z.object({ id: z.string(), name: z.string(), role: z.enum(['admin', 'user']) }).nullable(),
  })
  .meta({ id: 'Session' });

export const claim = z
  .strictObject({
    code: z.string().max(64).describe('The one-time code printed when the server started.'),
    name: z.string().trim().min(1).max(64),
    password: z.string().min(10).max(1024),
  })
  .meta({ id: 'ClaimInstance' });

export const login = z.strictObject({ name: z.string().max(64), password: z.string().max(1024) }).meta({ id: 'Login' });

export const token = z
  .object({
    id: z.string(),
    name: z.string(),
    scopes: z.array(z.enum(scopes)),
    createdAtMs: timeMs,
    expiresAtMs: timeMs.nullable(),
    usedAtMs: timeMs.nullable(),
  })
  .meta({ id: 'Token' });

export const addToken = z
  .strictObject({
    name: z.string().min(1).max(100),
    scopes: z.array(z.enum(scopes)).min(1),
    expiresInDays: z.int().min(1).max(3650).optional().describe('365 when absent.'),
  })
  .meta({ id: 'AddToken' });

export const newToken = z.object({ token, secret: z.string().describe('Shown this once.') }).meta({ id: 'NewToken' });

/** Events before this are gone: load everything again, then follow from here. */
export const resetFrame = z.object({ sequence: z.int() }).meta({ id: 'ResetFrame' });

/** Begins a live stream; with the id of the last event before it, unless its reader said where to go on. */
export const hello = z.object({ streamId: z.string() }).meta({ id: 'Hello' });

export const streamView = z
  .strictObject({
    downloadIds: z.array(z.string().max(100)).max(500).describe('Progress frames tell of these and of no others.'),
  })
  .meta({ id: 'StreamView' });

export const progressFrame = z
  .object({
    downloads: z.array(
      z.object({
        id: z.string(),
        phase: z.enum(phases),
        doneBytes: bytes,
        sizeBytes: bytes.nullable(),
        speedBytesPerSecond: z.number(),
        etaSeconds: z.number().nullable(),
        connectionCount: z.int(),
      }),
    ),
    counts,
    speedBytesPerSecond: z.number(),
  })
  .meta({ id: 'ProgressFrame' });

function isFilter(state: string): boolean {
  return (listFilters as readonly string[]).includes(state);
}
