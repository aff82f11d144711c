import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { noLog } from '#core/log.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { releaseAfter } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { claim, startApi } from './testing/start-api.ts';

test('every answer has the id of its request, and so has a problem', async (t) => {
  const api = await startApi(t);
  const good = await api.ask('GET', '/api/v1/session');
  assert.match(good.headers.get('x-request-id') ?? '', /^[0-9a-f-]{36}$/);
  for (const path of ['/api/v1/downloads/unknown', '/api/v1/nothing', '/nothing', '/api/v1/%']) {
    const bad = await api.ask('GET', path);
    const { requestId } = (await bad.json()) as { requestId?: string };
    assert.ok(bad.status >= 400);
    assert.ok(requestId !== undefined && requestId === bad.headers.get('x-request-id'), path);
  }
});

const ids = [
  ['of-a-proxy-0123456789', true],
  ['short', false],
  ['x'.repeat(200), false],
  ['with spaces and <tags>', false],
] as const;
for (const [id, isTaken] of ids) {
  test(`the request id ${id.slice(0, 30)} is ${isTaken ? 'taken over' : 'replaced'}`, async (t) => {
    const api = await startApi(t);
    const { headers } = await api.ask('GET', '/healthz', { headers: { 'x-request-id': id } });
    assert.equal(headers.get('x-request-id') === id, isTaken);
  });
}

test('requests are told at the level debug, and those that we failed at the level error, without their query', async (t) => {
  const lines: { level: string; about: Record<string, unknown> }[] = [];
  const write = (level: string) => (_: string, about?: Record<string, unknown>) =>
    void lines.push({ level, about: about ?? {} });
  const api = await startApi(t, {
    log: {
      trace: write('trace'),
      debug: write('debug'),
      info: write('info'),
      warn: write('warn'),
      error: write('error'),
      fatal: write('fatal'),
    },
    wrap: (control) => ({ ...control, settings: () => Promise.reject(new Error('it broke')) }),
  });
  await claim(api);
  lines.length = 0;
  await api.ask('GET', '/api/v1/downloads?q=private');
  const failed = await api.ask('GET', '/api/v1/settings');
  assert.equal(failed.status, 500);
  const told = () => lines.map(({ level, about }) => `${level} ${about.status ?? (about.error as Error).message}`);
  await until(() => told().length === 3, 'all three are told');
  assert.deepEqual(told(), ['debug 200', 'error it broke', 'error 500']);
  assert.ok(lines.slice(1).every(({ about }) => about.requestId === failed.headers.get('x-request-id')));
  assert.doesNotMatch(JSON.stringify(lines), /private/);
});

/** Sends half a request; resolves when the server waits for the rest. */
async function sendHalf(t: TestContext, port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1').on('error', () => {});
  releaseAfter(t, () => socket.destroy());
  const head = ['POST /api/v1/session HTTP/1.1', 'Host: 127.0.0.1', 'Content-Type: application/json', 'Content-Length: 100'];
  socket.write([...head, 'Expect: 100-continue', '', '{'].join('\r\n'));
  await once(socket, 'data');
  return socket;
}

test('whoever hangs up in the middle of a request is no defect of ours', async (t) => {
  const told: string[] = [];
  const tell = (message: string) => void told.push(message);
  const api = await startApi(t, { log: { ...noLog, debug: tell, error: tell } });
  (await sendHalf(t, api.port)).resetAndDestroy();
  await until(() => told.length > 0, 'its end is noticed');
  assert.deepEqual(api.failures, []);
});

test('a request that never ends does not keep a server that stops', async (t) => {
  const clock = createFakeClock();
  const api = await startApi(t, { clock });
  await sendHalf(t, api.port);
  let hasStopped = false;
  void api.close().then(() => {
    hasStopped = true;
  });
  await until(() => {
    clock.advance(1000);
    return hasStopped;
  }, 'it has stopped');
});
