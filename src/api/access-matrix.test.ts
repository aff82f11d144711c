/** Every route of the contract against everybody who may ask: nothing answers whom it should not. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { scopes } from '#core/access.ts';
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
  addToken: { name: 'other', scopes: ['downloads:read'] },
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
  if (access === 'public') continue;

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
      bearer(await addToken(api, userId, [access])),
      bearer(await addToken(api, userId, ['admin'])),
      { cookie },
      bearer(bootstrapToken),
    ];
    for (const headers of fitting) {
      const status = await ask(name, headers);
      assert.ok(![401, 403].includes(status), `${status} for ${JSON.stringify(headers)}`);
    }
  });
  test(`${name} gives another user nothing of the admin's`, async () => {
    const before = await owned();
    const status = await ask(name, bearer(foreigner));
    if (['settings:write', 'admin'].includes(access)) assert.equal(status, 403);
    else if (/^\/downloads\/\{id\}/.test(routes[name].path)) assert.equal(status, 404);
    // But for the one that `ask` has added, which stands as it was added.
    const [added, ...others] = await owned();
    assert.deepEqual(others, before);
    assert.deepEqual([added?.name, added?.removedAtMs], ['a', null]);
    // A worker may have begun with it.
    assert.ok(added?.state === 'queued' || added?.state === 'active');
  });
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
    else assert.ok(!['downloads:read', 'files:read', 'settings:read'].includes(route.access), name);
  }
});
