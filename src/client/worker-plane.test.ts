import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, test } from 'node:test';
import { addDownload, owner, startApi } from '#api/testing/start-api.ts';
import { newWorkerKey } from '#control/enrolment.ts';
import { delivered, fetched, resolution } from '#control/testing/start-control.ts';
import { type TaskKind, taskKinds } from '#core/protocol.ts';
import { makeCertificate } from '#testing/serve-nginx.ts';
import { freePort, releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { createSecrets } from '#wire/secrets.ts';
import { systemRandom } from '#wire/system.ts';
import { createWorkerPlane, enrol } from './worker-plane.ts';

const api = await startApi({ after });
await api.users.openClaim();
const ownerId = await owner(api);
const hello = { name: 'box', version: '1', kinds: [...taskKinds], schemes: ['https:'] };
const noRoom: Record<TaskKind, number> = { probe: 0, fetch: 0, deliver: 0, erase: 0 };
const never = new AbortController().signal;

async function join({ enrolment, base } = api) {
  const { key } = await enrolment.invite();
  const secret = newWorkerKey(systemRandom, createSecrets());
  const { workerId } = await enrol(base, { key, secret });
  const plane = createWorkerPlane({ origin: base, key: secret });
  await plane.register({ workerId, ...hello });
  return { plane, workerId };
}

const progress = {
  phase: 'fetch' as const,
  doneBytes: 10,
  sizeBytes: 100,
  speedBytesPerSecond: 5.5,
  connections: [{ mirror: 'example.org', startByte: 0, position: 10, endByte: 100, speedBytesPerSecond: 5 }],
  ranges: [[0, 10]] as [number, number][],
  stretches: [],
};

test('a worker far away claims, reports, notes and finishes as one in the same process does', async () => {
  const { plane, workerId } = await join();
  const id = await addDownload(api, ownerId);
  const [probe] = await plane.claim({ workerId, room: { ...noRoom, probe: 1 }, waitMs: 5000 }, never);
  assert.deepEqual([probe?.kind, probe?.downloadId], ['probe', id]);
  assert.ok(probe?.kind === 'probe');
  assert.equal(probe.link, 'https://anna:secret@example.org/a', 'with what only its worker may know');
  const held = { workerId, taskId: probe.taskId, epoch: probe.epoch };
  await plane.finish({ ...held, outcome: { kind: 'resolved', resolution: resolution() } });
  const [fetching] = await plane.claim({ workerId, room: { ...noRoom, fetch: 1 }, waitMs: 5000 }, never);
  assert.equal(fetching?.kind, 'fetch');
  const { taskId = '', epoch = 0 } = fetching ?? {};
  await plane.note({ workerId, taskId, epoch, event: 'waiting', message: 'x'.repeat(100_000) });
  const answer = await plane.report({ workerId, tasks: [{ taskId, epoch, ...progress }], holding: [id] });
  assert.deepEqual([answer.orders, answer.discard], [[], []]);
  assert.equal(answer.limits.bytesPerSecond, null);
  assert.equal(api.control.progressOf(id)?.doneBytes, 10);
  await api.control.pause(ownerId, id);
  const { orders } = await plane.report({ workerId, tasks: [{ taskId, epoch, ...progress }], holding: [id] });
  assert.deepEqual(orders, [{ taskId, epoch, order: 'stop' }]);
  const failure = { code: 'timed_out' as const, message: 'y'.repeat(100_000), retry: 'later' as const, retryAfterMs: null };
  await plane.finish({ workerId, taskId, epoch, outcome: { kind: 'failed', failure, doneBytes: 10 } });
  await assert.rejects(plane.note({ workerId, taskId, epoch, event: 'waiting', message: 'late' }), { code: 'task_lost' });
});

test('short checksums, as those of S3 are, come from a worker far away to the receipt', async () => {
  const { plane, workerId } = await join();
  const id = await addDownload(api, ownerId);
  const digests = [
    { algorithm: 'sha-256' as const, hex: 'a'.repeat(64) },
    { algorithm: 'crc64nvme' as const, hex: '0123456789abcdef' },
    { algorithm: 'crc32' as const, hex: '01234567' },
  ];
  const take = async (kind: TaskKind) => {
    const [claim] = await plane.claim({ workerId, room: { ...noRoom, [kind]: 1 }, waitMs: 5000 }, never);
    assert.deepEqual([claim?.kind, claim?.downloadId], [kind, id]);
    return { workerId, taskId: claim?.taskId ?? '', epoch: claim?.epoch ?? 0 };
  };
  await plane.finish({ ...(await take('probe')), outcome: { kind: 'resolved', resolution: resolution({ digests }) } });
  const outcome = fetched({ digests, verifiedAgainst: digests.slice(1) });
  await plane.finish({ ...(await take('fetch')), outcome });
  const files = outcome.files.map((file) => ({ ...delivered(file), provenSha256: 'a'.repeat(64) }));
  await plane.finish({ ...(await take('deliver')), outcome: { kind: 'delivered', files } });
  const receipt = await api.ask('GET', `/api/v1/downloads/${id}/receipt`);
  const told = (await receipt.json()) as { files: { verifiedAgainst: unknown }[] };
  assert.deepEqual([receipt.status, told.files[0]?.verifiedAgainst], [200, digests.slice(1)]);
  assert.equal((await api.ask('GET', `/api/v1/downloads/${id}/files`)).status, 200);
});

test('a worker that hangs up is not given what it does not wait for', async () => {
  const { plane, workerId } = await join();
  const stop = new AbortController();
  const waiting = plane.claim({ workerId, room: { ...noRoom, probe: 1 }, waitMs: 20_000 }, stop.signal);
  setTimeout(() => stop.abort(), 100);
  assert.deepEqual(await waiting, []);
  const id = await addDownload(api, ownerId);
  const other = await join();
  const claimed = await other.plane.claim({ workerId: other.workerId, room: { ...noRoom, probe: 1 }, waitMs: 5000 }, never);
  assert.deepEqual(
    claimed.map(({ downloadId }) => downloadId),
    [id],
  );
});

test('what is given to a worker that hangs up at that moment goes back as it was, with its bytes', async (t) => {
  const given = Promise.withResolvers<void>();
  let isLate = false;
  const own = await startApi(t, {
    wrap: (control) => ({
      ...control,
      async claim(request, signal) {
        const claims = await control.claim(request, signal);
        if (!isLate) return claims;
        given.resolve();
        if (!signal.aborted) await once(signal, 'abort');
        return claims;
      },
    }),
  });
  await own.users.openClaim();
  const { plane, workerId } = await join(own);
  const theirs = await owner(own);
  const id = await addDownload(own, theirs);
  const take = async (kind: 'probe' | 'fetch', signal = never) => {
    const [claim] = await plane.claim({ workerId, room: { ...noRoom, [kind]: 1 }, waitMs: 5000 }, signal);
    return { workerId, taskId: claim?.taskId ?? '', epoch: claim?.epoch ?? 0 };
  };
  await plane.finish({ ...(await take('probe')), outcome: { kind: 'resolved', resolution: resolution() } });
  await plane.finish({ ...(await take('fetch')), outcome: { kind: 'given_back', doneBytes: 60 } });
  isLate = true;
  const stop = new AbortController();
  const waiting = take('fetch', stop.signal);
  await given.promise;
  assert.equal((await own.control.get(theirs, id))?.state, 'active');
  stop.abort();
  await waiting;
  const isBack = async () => {
    const found = await own.control.get(theirs, id);
    return found?.state === 'queued' ? found : null;
  };
  assert.equal((await until(isBack, 'it is given back')).doneBytes, 60);
});

test('what is larger or longer than the contract allows is refused, and changes nothing', async () => {
  const { plane, workerId } = await join();
  const tasks = [{ taskId: 'x', epoch: 1, ...progress, ranges: Array(4097).fill([0, 1]) }];
  const hostile = [
    () => plane.report({ workerId, tasks, holding: [] }),
    () => plane.report({ workerId, tasks: [], holding: Array(20_001).fill('x') }),
    () => plane.report({ workerId, tasks: [], holding: [], spareBytes: -1 }),
    () => plane.register({ workerId, ...hello, name: 'x'.repeat(101) }),
    () => plane.register({ workerId, ...hello, labels: ['two words'] }),
    () => plane.claim({ workerId, room: { ...noRoom, fetch: 1e9 }, waitMs: 0 }, never),
    () => plane.claim({ workerId, room: noRoom, waitMs: 3_600_000 }, never),
  ];
  for (const ask of hostile) await assert.rejects(ask(), { code: 'protocol_error' }, String(ask));
});

test('a worker that was removed is told that its key is worth nothing', async () => {
  const { plane, workerId } = await join();
  await api.control.removeWorker(workerId);
  await assert.rejects(plane.report({ workerId, tasks: [], holding: [] }), { code: 'auth_required', message: /revoked/ });
});

async function serve(t: Scope, listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  releaseAfter(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const answers: [what: string, status: number, headers: Record<string, string>, expected: object][] = [
  ['a proxy without its server', 502, {}, { code: 'busy' }],
  ['a server that is starting', 503, { 'retry-after': '7' }, { code: 'busy', retryAfterMs: 7000 }],
  ['a redirect', 308, { location: 'https://elsewhere.example/' }, { code: 'redirect_invalid', message: /--join/ }],
  ['the login of a proxy', 401, { 'www-authenticate': 'Basic' }, { code: 'protocol_error' }],
  ['a server of something else', 404, {}, { code: 'protocol_error', message: /^http:\S+ is no Flotilla .*404.*--join/ }],
  ['a defect', 500, {}, { code: 'server_error' }],
];
for (const [what, status, headers, expected] of answers) {
  test(`${what} (${status}) is told apart`, async (t) => {
    const origin = await serve(t, (_, response) => response.writeHead(status, headers).end('<html>'));
    const plane = createWorkerPlane({ origin, key: 'fw_x' });
    await assert.rejects(plane.report({ workerId: 'w', tasks: [], holding: [] }), expected);
  });
}

test('a server that is not there, and a name that is not known, are told apart', async () => {
  const nobody = createWorkerPlane({ origin: `http://127.0.0.1:${await freePort()}`, key: 'k' });
  await assert.rejects(nobody.report({ workerId: 'w', tasks: [], holding: [] }), { code: 'connection_refused' });
  const unknown = createWorkerPlane({ origin: 'http://no-such-host.invalid', key: 'k' });
  await assert.rejects(unknown.report({ workerId: 'w', tasks: [], holding: [] }), { code: 'name_unresolvable' });
});

test('a certificate that nobody vouches for is not talked to', async (t) => {
  const { certPath, keyPath } = makeCertificate(tempFolder(t));
  let asked = 0;
  const server = createTlsServer({ cert: readFileSync(certPath), key: readFileSync(keyPath) }, () => asked++).listen(0);
  releaseAfter(t, () => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  const origin = `https://localhost:${(server.address() as AddressInfo).port}`;
  const plane = createWorkerPlane({ origin, key: 'k' });
  await assert.rejects(plane.report({ workerId: 'w', tasks: [], holding: [] }), {
    code: 'tls_failed',
    message: /NODE_EXTRA_CA_CERTS/,
  });
  assert.equal(asked, 0, 'the key was not shown');
});

test('a cut connection is one that broke', async (t) => {
  const origin = await serve(t, (request) => request.socket.destroy());
  const plane = createWorkerPlane({ origin, key: 'k' });
  await assert.rejects(plane.report({ workerId: 'w', tasks: [], holding: [] }), { code: 'connection_lost' });
});
