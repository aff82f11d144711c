import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { z } from 'zod';
import { tempFolder } from '#testing/temp.ts';
import { type Route, type RouteName, routes } from './contract/routes.ts';
import { addDownload, claim, password, startApi } from './testing/start-api.ts';

type Json = Record<string, unknown>;
type Operation = {
  operationId: string;
  responses: Record<string, Json>;
  parameters: { name: string; in: string }[];
  requestBody?: Json;
};
type Document = {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json> };
};

const scope = { after };
const api = await startApi(scope);
const { userId } = await claim(api);
const document = (await (await fetch(`${api.base}/api/v1/openapi.json`)).json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) => {
  return Object.entries(methods).map(([method, operation]) => ({ path, method, operation }));
});

const content = Buffer.from('the bytes of a boat');
const contentPath = join(tempFolder(scope), 'boat.txt');
writeFileSync(contentPath, content);
const sha256 = createHash('sha256').update(content).digest('hex');

const add = () => addDownload(api, userId);
const destinationId = (await api.control.destinations())[0]?.id ?? '';

test('the document has exactly the routes of the contract, with their methods and paths', () => {
  const inDocument = operations.map(({ path, method, operation }) => `${operation.operationId} ${method} ${path}`);
  const inContract = (Object.entries(routes) as [string, Route][]).map(([name, { method, path }]) => {
    return `${name} ${method.toLowerCase()} /api/v1${path}`;
  });
  assert.equal(document.openapi, '3.1.0');
  assert.deepEqual(inDocument.sort(), inContract.sort());
});

test('every reference in the document leads somewhere', () => {
  const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1] ?? '');
  assert.ok(references.length > 50);
  for (const reference of new Set(references)) {
    const target = reference.split('/').reduce<unknown>((node, key) => (node as Json | undefined)?.[key], document);
    assert.ok(target, reference);
  }
});

test('every parameter of a path is described', () => {
  for (const { path, operation } of operations) {
    const inPath = [...path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
    const described = operation.parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name);
    assert.deepEqual(described, inPath, path);
  }
});

/** The document's own schema of an answer, as a validator: `$defs` is where JSON Schema looks for what components hold. */
function validatorOf(schema: Json): z.ZodType {
  const text = JSON.stringify({ ...schema, $defs: document.components.schemas });
  return z.fromJSONSchema(JSON.parse(text.replaceAll('#/components/schemas/', '#/$defs/')));
}

async function addRunning(): Promise<string> {
  const id = await add();
  await api.worker.run(id);
  return id;
}

async function addCompleted(): Promise<string> {
  const id = await add();
  await api.worker.complete(id, { path: contentPath, name: 'boat.txt', sizeBytes: content.length, sha256 });
  return id;
}

async function addAnd(act: (ownerId: string, id: string) => Promise<unknown>): Promise<string> {
  const id = await add();
  await act(userId, id);
  return id;
}

type Example = { id?: () => Promise<string>; body?: unknown; query?: string };

/** A request of each route that goes well. */
const examples: Record<RouteName, Example | 'elsewhere'> = {
  getSession: {},
  claimInstance: 'elsewhere',
  logIn: { body: { name: 'Anna', password } },
  logOut: 'elsewhere',
  addDownload: { body: { url: 'https://anna:secret@example.org/file.iso', checksum: { algorithm: 'sha-256', hex: sha256 } } },
  addMany: { body: { links: [{ url: 'https://example.org/a' }, { url: 'gopher://example.org/b' }], connections: 2 } },
  listDownloads: { query: '?state=all&limit=2&q=file' },
  actOnDownloads: { body: { action: 'pause', query: { q: 'nothing' } } },
  deleteDownloads: { body: { ids: ['nothing'] } },
  getDownload: { id: addRunning },
  changeDownload: { id: add, body: { name: 'other', limitBytesPerSecond: 5000, checksum: null } },
  removeDownload: { id: add, query: '?files=true' },
  pauseDownload: { id: add },
  resumeDownload: { id: () => addAnd(api.control.pause) },
  retryDownload: { id: () => addAnd(api.control.cancel) },
  cancelDownload: { id: add },
  restoreDownload: { id: () => addAnd((ownerId, id) => api.control.remove(ownerId, id, { files: 'keep' })) },
  listFiles: { id: addCompleted },
  getFileContent: { id: addCompleted },
  listDownloadEvents: { id: add },
  listAttempts: { id: addCompleted },
  getDownloadLog: { id: addCompleted, query: '?level=debug' },
  getPieces: { id: addRunning },
  getReceipt: { id: addCompleted },
  listHistory: { query: '?limit=5' },
  clearHistory: {},
  probeLink: { body: { url: 'https://anna:secret@example.org/file.iso' } },
  getProbe: 'elsewhere',
  stopProbe: { id: async () => 'unknown' },
  listSources: {},
  listDestinations: {},
  addDestination: { body: { kind: 'local', name: 'more', options: { folder: '/more' } } },
  changeDestination: {
    id: async () => destinationId,
    body: { kind: 'local', name: 'Downloads', options: {}, isDefault: true },
  },
  removeDestination: {
    id: async () => (await api.control.putDestination({ kind: 'local', name: 'gone', options: {}, isDefault: false })).id,
  },
  testDestination: { body: { kind: 'local', name: 'more', options: {} } },
  getSettings: {},
  changeSettings: {
    body: {
      maxTries: 7,
      stages: [
        {
          name: 'Mobile',
          kind: null,
          host: '*',
          attempts: 2,
          labels: [],
          connections: null,
          request: { userAgent: 'Phone/1' },
        },
      ],
      hostRules: [{ host: '*.example.net', bytesPerSecond: 5000, connections: null, downloads: 2 }],
      timetable: Array.from({ length: 7 }, () => Array.from({ length: 24 }, () => 'limited')),
    },
  },
  checkStages: { body: { url: 'https://example.org/file.iso' } },
  listUsers: {},
  changeUserLimits: { id: async () => userId, body: { limitBytesPerSecond: 5000, maxActive: null } },
  listTokens: {},
  addToken: { body: { name: 'cli', scopes: ['downloads:read'] } },
  removeToken: { id: async () => (await api.users.addToken(userId, { name: 'gone', scopes: ['admin'] })).token.id },
  changeWorker: { id: async () => (await api.control.workers())[0]?.id ?? '', body: { labels: ['vpn'], maxFetches: 3 } },
  inviteWorker: { body: { origin: 'https://flotilla.example' } },
  removeWorker: { id: async () => (await api.enrolment.invite()).workerId },
  enrolWorker: 'elsewhere',
  registerWorker: 'elsewhere',
  claimTasks: 'elsewhere',
  reportTasks: 'elsewhere',
  noteTask: 'elsewhere',
  finishTask: 'elsewhere',
  listWorkers: {},
  getStats: { query: '?period=365d' },
  profileCpu: 'elsewhere',
  snapshotHeap: 'elsewhere',
  streamEvents: 'elsewhere',
  viewStream: 'elsewhere',
};

for (const name of Object.keys(routes) as RouteName[]) {
  const example = examples[name];
  if (example === 'elsewhere') continue;
  test(`${name} answers as the document says`, async () => {
    const route: Route = routes[name];
    const id = await example.id?.();
    const path = `/api/v1${route.path.replace('{id}', id ?? '').replace('{index}', '0')}${example.query ?? ''}`;
    const stop = new AbortController();
    if (name === 'probeLink') void api.worker.answerLook(stop.signal);
    const response = await api.ask(route.method, path, { body: example.body });
    stop.abort();
    const text = await response.text();
    assert.equal(response.status, route.status, text);
    assert.ok(!text.includes('secret@'), 'a password of a link was shown');
    const described = operations.find(({ operation }) => operation.operationId === name)?.operation.responses[
      route.status
    ] as Json;
    const schema = ((described?.content as Json | undefined)?.['application/json'] as Json | undefined)?.schema as
      | Json
      | undefined;
    if (schema === undefined) {
      assert.equal(text, route.answer === 'file' ? content.toString() : '');
      return;
    }
    assert.equal(response.headers.get('content-type'), 'application/json; charset=utf-8');
    assert.equal(response.headers.get('cache-control'), 'no-store');
    validatorOf(schema).parse(JSON.parse(text));
    (route.answer as z.ZodType).parse(JSON.parse(text));
  });
}

test('the schema of an answer refuses another answer', () => {
  const download = validatorOf({ $ref: '#/components/schemas/Download' });
  assert.equal(download.safeParse({ id: 'only this' }).success, false);
});

test('live figures are laid over the stored ones', async () => {
  const shown = (await (await api.ask('GET', `/api/v1/downloads/${await addRunning()}`)).json()) as Json;
  const { speedBytesPerSecond, etaSeconds, connectionCount, doneBytes, sizeBytes, phase } = shown;
  assert.deepEqual(
    { speedBytesPerSecond, etaSeconds, connectionCount, doneBytes, sizeBytes, phase },
    { speedBytesPerSecond: 5, etaSeconds: 18, connectionCount: 1, doneBytes: 10, sizeBytes: 100, phase: 'fetch' },
  );
});

test('nothing was logged as a bug meanwhile', () => assert.deepEqual(api.failures, []));
