/** Every route of the contract against everybody who may ask: nothing answers whom it should not. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { newWorkerKey } from '#control/enrolment.ts';
import { type Scope, scopes } from '#core/access.ts';
import type { Claim } from '#core/protocol.ts';
import { createSecrets } from '#wire/secrets.ts';
import { systemRandom } from '#wire/system.ts';
import { type Route, type RouteName, routes } from './contract/routes.ts';
import { addDownload, addForeigner, addToken, bootstrapToken, claim, startApi } from './testing/start-api.ts';

const api = await startApi({ after });
const { cookie, userId } = await claim(api);
const destinationId = (await api.control.destinations())[0]?.id ?? '';
const foreigner = await addForeigner(api);

/** Headers that prove who asks. */
const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** A body that is right, so that only rights decide. */
const bodies: Partial<Record<RouteName, unknown>> = {
  claimInstance: { code: '0000-0000-0000', name: 'Eve', password: 'a boat on the lake' },
  logIn: { name: 'nobody', password: 'nothing' },
  addDownload: { url: 'https://example.org/file.iso' },
  addMany: { links: [{ url: 'https://example.org/file.iso' }] },
  deleteDownloads: { ids: [] },
  actOnDownloads: { action: 'pause', ids: [] },
  changeDownload: { name: 'other' },
  probeLink: { url: 'https://example.org/file.iso' },
  addDestination: { kind: 'local', name: 'other', options: {} },
  changeDestination: { kind: 'local', name: 'Downloads', options: {}, isDefault: true },
  testDestination: { kind: 'local', name: 'other', options: {} },
  changeSettings: { connections: 5 },
  checkStages: { url: 'https://example.org/file.iso' },
  changeUserLimits: { maxActive: 64 },
  profileCpu: { seconds: 1 },
  addToken: { name: 'other', scopes: ['downloads:read'] },
  inviteWorker: {},
  viewStream: { downloadIds: [] },
  changeWorker: { name: 'other' },
};

/** Asks for the route about a fresh download of the admin's, and gives the status. */
async function ask(name: RouteName, headers: Record<string, string>): Promise<number> {
  const route: Route = routes[name];
  const downloadId = await addDownload(api, userId);
  const token = await api.users.addToken(userId, { name: 'to be revoked', scopes: ['downloads:read'] });
  const id = route.path.startsWith('/destinations')
    ? destinationId
    : route.path.startsWith('/tokens')
      ? token.token.id
      : route.path.startsWith('/workers')
        ? (await api.enrolment.invite()).workerId
        : route.path.startsWith('/users')
          ? userId
          : downloadId;
  const path = `/api/v1${route.path.replace('{id}', id).replace('{index}', '0')}`;
  const body = bodies[name];
  const stop = new AbortController();
  if (name === 'probeLink') void api.worker.answerLook(stop.signal);
  const response = await fetch(api.base + path, {
    method: route.method,
    headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
    body: body === undefined ? undefined : JSON.stringify(body),
    signal: stop.signal,
  });
  stop.abort();
  return response.status;
}

const readOnly = await addToken(api, userId, ['downloads:read']);
const everybody = {
  anonymous: {},
  'a wrong token': bearer(`fl_${'0'.repeat(49)}`),
  'no token at all': { authorization: 'Basic YTpi' },
  'a wrong token beside a good cookie': { ...bearer('nonsense'), cookie },
  'a wrong cookie': { cookie: `flotilla_session=${'0'.repeat(43)}` },
} as const;

for (const name of Object.keys(routes) as RouteName[]) {
  const { access } = routes[name] as Route;
  if (access === 'public' || access === 'worker') continue;

  for (const [who, headers] of Object.entries(everybody)) {
    test(`${name} tells ${who} to log in`, async () => assert.equal(await ask(name, headers), 401));
  }
  test(`${name} answers a read-only token only when it reads downloads`, async () => {
    const status = await ask(name, bearer(readOnly));
    if (access !== 'downloads:read') assert.equal(status, 403);
    else assert.notEqual(status, 403);
  });
  test(`${name} refuses a token with every scope but its own`, async () => {
    const others = scopes.filter((scope) => scope !== access && scope !== 'admin');
    assert.equal(await ask(name, bearer(await addToken(api, userId, others))), 403);
  });
  test(`${name} takes a token with its scope, an admin's token, an admin's session and the bootstrap token`, async () => {
    const fitting = [
      bearer(await addToken(api, userId, [access as Scope])),
      bearer(await addToken(api, userId, ['admin'])),
      { cookie },
      bearer(bootstrapToken),
    ];
    for (const headers of fitting) {
      const status = await ask(name, headers);
      assert.ok(![401, 403].includes(status), `${status} for ${JSON.stringify(headers)}`);
    }
  });
  test(`${name} refuses the key of a worker`, async () => {
    assert.equal(await ask(name, bearer((await enrol()).key)), 403);
  });
  test(`${name} gives another user nothing of the admin's`, async () => {
    const before = await owned();
    const status = await ask(name, bearer(foreigner));
    if (['settings:write', 'admin'].includes(access)) assert.equal(status, 403);
    else if (/^\/(downloads|streams)\/\{id\}/.test(routes[name].path)) assert.equal(status, 404);
    // But for the one that `ask` has added, which stands as it was added.
    const [added, ...others] = await owned();
    // A page holds so many; the oldest one may have made room for the new one.
    assert.deepEqual(others, before.slice(0, 499));
    assert.deepEqual([added?.name, added?.removedAtMs], ['a', null]);
    // A worker may have begun with it.
    assert.ok(added?.state === 'queued' || added?.state === 'active');
  });
}

/** A worker of the fleet, as it comes to be one. */
async function enrol(): Promise<{ workerId: string; key: string }> {
  const invitation = await api.enrolment.invite();
  const key = newWorkerKey(systemRandom, createSecrets());
  return { ...(await api.enrolment.enrol({ key: invitation.key, secret: key })), key };
}

const { paths: documented } = (await (await fetch(`${api.base}/api/v1/openapi.json`)).json()) as {
  paths: Record<string, Record<string, { operationId: string; 'x-access': string }>>;
};
/** From the document, so that a route that workers may use cannot be forgotten here. */
const workerRoutes = Object.entries(documented).flatMap(([path, methods]) => {
  return Object.values(methods).flatMap(({ operationId, 'x-access': access }) => {
    return access === 'worker' ? [{ name: operationId, path }] : [];
  });
});

const hello = { name: 'box', version: '1', kinds: ['probe', 'fetch', 'deliver', 'erase'], schemes: ['https:'] };
const noRoom = { probe: 0, fetch: 0, deliver: 0, erase: 0 };
type Asked = { workerId: string; taskId: string; epoch: number };
const workerBodies: Record<string, (asked: Asked) => object> = {
  registerWorker: ({ workerId }) => ({ workerId, ...hello }),
  claimTasks: ({ workerId }) => ({ workerId, room: noRoom, waitMs: 0 }),
  reportTasks: ({ workerId }) => ({ workerId, tasks: [], holding: [] }),
  noteTask: (asked) => ({ ...asked, event: 'fetching', message: 'It goes on.' }),
  finishTask: (asked) => ({ ...asked, outcome: { kind: 'given_back', doneBytes: 0 } }),
};

async function askAsWorker(path: string, body: unknown, headers: Record<string, string>): Promise<Response> {
  const all = { ...headers, 'content-type': 'application/json' };
  return fetch(api.base + path, { method: 'POST', headers: all, body: JSON.stringify(body) });
}

/** A worker with a task in its hands. */
async function busyWorker(): Promise<Asked & { key: string }> {
  const { workerId, key } = await enrol();
  const headers = bearer(key);
  const ask = async (name: string, body: unknown) => {
    const path = workerRoutes.find((route) => route.name === name)?.path ?? '';
    return askAsWorker(path, body, headers);
  };
  assert.equal((await ask('registerWorker', { workerId, ...hello })).status, 200);
  await addDownload(api, userId);
  const answer = await ask('claimTasks', { workerId, room: { ...noRoom, probe: 1 }, waitMs: 1000 });
  const [claim] = (await answer.json()) as Claim[];
  assert.ok(claim, 'there was something to claim');
  return { workerId, key, taskId: claim.taskId, epoch: claim.epoch };
}

test('the document has routes for workers, and this file a body for each', () => {
  assert.deepEqual(workerRoutes.map(({ name }) => name).sort(), Object.keys(workerBodies).sort());
});

for (const { name, path } of workerRoutes) {
  const bodyOf = (asked: Asked) => workerBodies[name]?.(asked);

  test(`${name} takes the key of the worker that the body names, and no other proof`, async () => {
    const { key, ...asked } = await busyWorker();
    const statusOf = async (headers: Record<string, string>) => (await askAsWorker(path, bodyOf(asked), headers)).status;
    const strangers = { ...everybody, 'a key that nobody has': bearer(newWorkerKey(systemRandom, createSecrets())) };
    for (const [who, headers] of Object.entries(strangers)) assert.equal(await statusOf(headers), 401, who);
    const people = [{ cookie }, bearer(bootstrapToken), bearer(await addToken(api, userId, [...scopes])), bearer(foreigner)];
    for (const headers of people) assert.equal(await statusOf(headers), 403);
    assert.equal(await statusOf(bearer((await enrol()).key)), 403, 'the key of another worker');
    assert.equal((await api.control.workers()).find(({ id }) => id === asked.workerId)?.activeTasks, 1, 'it kept its task');
    assert.ok([200, 204].includes(await statusOf(bearer(key))));
  });
  test(`${name} tells a worker whose key was revoked that it is nobody`, async () => {
    const { key, ...asked } = await busyWorker();
    await api.control.removeWorker(asked.workerId);
    assert.equal((await askAsWorker(path, bodyOf(asked), bearer(key))).status, 401);
  });
  if ('epoch' in (bodyOf({ workerId: '', taskId: '', epoch: 0 }) ?? {})) {
    test(`${name} answers 409 to a stale epoch, and nothing changes`, async () => {
      const { key, ...asked } = await busyWorker();
      for (const epoch of [asked.epoch - 1, asked.epoch + 1]) {
        const response = await askAsWorker(path, bodyOf({ ...asked, epoch }), bearer(key));
        assert.deepEqual([response.status, ((await response.json()) as { code: string }).code], [409, 'task_lost']);
      }
      assert.equal((await askAsWorker(path, bodyOf(asked), bearer(key))).status, 204, 'the right one still counts');
    });
  }
}

/** All of the admin's downloads, newest first. */
async function owned() {
  return (await api.control.list(userId, { of: 'list', limit: 500 })).items;
}

test('another user sees neither downloads nor history nor tokens of the admin', async () => {
  for (const path of ['/downloads', '/history']) {
    const response = await fetch(`${api.base}/api/v1${path}?limit=500`, { headers: bearer(foreigner) });
    const { items, counts } = (await response.json()) as { items: { id: string }[]; counts: { all: number } };
    assert.ok(counts.all < (await owned()).length);
    for (const { id } of items) assert.ok(await api.control.get('foreigner', id), id);
  }
});

test('nothing that changes something answers GET', () => {
  for (const [name, route] of Object.entries(routes) as [string, Route][]) {
    if (route.method === 'GET') assert.ok(!route.access.endsWith(':write'), name);
    // What is in sight of a stream is nothing that lasts.
    else if (name !== 'viewStream') assert.ok(!['downloads:read', 'files:read', 'settings:read'].includes(route.access), name);
  }
});
