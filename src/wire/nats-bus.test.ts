import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { after, type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { connect } from '@nats-io/transport-node';
import { owner, startControl } from '#control/testing/start-control.ts';
import type { BusMessage } from '#core/bus.ts';
import { noLog } from '#core/log.ts';
import { progressOf } from '#testing/progress-of.ts';
import { serveNats } from '#testing/serve-nats.ts';
import { makeCertificate } from '#testing/serve-nginx.ts';
import { freePort, releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { isNatsLink, openNatsBus } from './nats-bus.ts';
import { systemClock } from './system.ts';

const server = await serveNats({ after });

/** On the bus, perhaps not yet connected. */
function open(t: Scope, name: string, link = server.link) {
  const said: string[] = [];
  const say = (sentence: string) => said.push(sentence);
  const bus = openNatsBus({ link, name, clock: systemClock, log: { ...noLog, info: say, warn: say, error: say } });
  releaseAfter(t, () => bus.close());
  const heard: BusMessage[] = [];
  bus.listen((message) => heard.push(message));
  const hears = (kind: BusMessage['kind']) => until(() => heard.some((message) => message.kind === kind), `${kind} is heard`);
  return { bus, heard, said, hears };
}

/** On the bus, and connected. */
async function join(t: Scope, name: string, link = server.link) {
  const member = open(t, name, link);
  await member.hears('work');
  assert.deepEqual(member.heard, [{ kind: 'events' }, { kind: 'work' }], 'what was missed is asked for');
  member.heard.length = 0;
  return member;
}

type Member = Awaited<ReturnType<typeof join>>;

/** Until the other one is connected again too, nobody hears it. */
async function speak(from: Member, to: Member): Promise<void> {
  to.heard.length = 0;
  for (let count = 1; !to.heard.some(({ kind }) => kind === 'revoked'); count++) {
    from.bus.publish({ kind: 'revoked', credentialId: String(count) });
    await sleep(20);
    assert.ok(count < 500, 'nothing was heard');
  }
}

test('what one says all others of its database hear, in order and soon, and nobody hears himself', async (t) => {
  const [one, two, three] = [await join(t, 'a'), await join(t, 'a'), await join(t, 'a')];
  const elsewhere = await join(t, 'b');
  const said: BusMessage[] = [
    { kind: 'worker', workerId: 'wörker 🚚' },
    { kind: 'watch', ownerIds: ['anna'], downloadIds: [] },
    { kind: 'revoked', credentialId: 'x' },
  ];
  const startedAtMs = performance.now();
  for (const message of said) one.bus.publish(message);
  await Promise.all([two.hears('revoked'), three.hears('revoked')]);
  assert.ok(performance.now() - startedAtMs < 5000);
  assert.deepEqual([one.heard, two.heard, three.heard, elsewhere.heard], [[], said, said, []]);
});

test('more than NATS takes at once is said in parts, and what cannot be parted is left out', async (t) => {
  const narrow = await serveNats(t, { configuration: 'max_payload: 20000' });
  const [one, two] = [await join(t, 'a', narrow.link), await join(t, 'a', narrow.link)];
  const items = Array.from({ length: 3000 }, (_, index) => progressOf(index));
  one.bus.publish({ kind: 'watch', ownerIds: ['x'.repeat(30_000)], downloadIds: [] });
  one.bus.publish({ kind: 'progress', items });
  for (let count = 0; count < 1000; count++) one.bus.publish({ kind: 'work' });
  await two.hears('work');
  const heardItems = two.heard.flatMap((message) => (message.kind === 'progress' ? message.items : []));
  assert.deepEqual(heardItems, items);
  assert.deepEqual(two.heard.slice(-1), [{ kind: 'work' }]);
  assert.ok(two.heard.every(({ kind }, index) => kind === 'progress' || index === two.heard.length - 1));
});

test('what is no message of ours is not heard, and harms nobody', async (t) => {
  const one = await join(t, 'a');
  one.bus.listen((message) => {
    if (message.kind === 'view') throw new Error('there is no such stream');
  });
  const stranger = await connect({ servers: `127.0.0.1:${server.port}` });
  releaseAfter(t, () => stranger.close());
  const odd = ['{"form":1,"messages":7,"ids":[],"rows":[]}', '{"form":1,"messages":[null],"ids":[],"rows":[]}'];
  const rows = ['{"form":1,"messages":[],"ids":[],"rows":[3]}', '{"form":1,"messages":[]}'];
  const texts = ['', 'x', '{', 'null', '[]', '{"form":0}', ...odd, ...rows];
  for (const text of texts) stranger.publish('flotilla.a', text);
  stranger.publish('flotilla.a', Uint8Array.of(0xff, 0, 0xfe));
  stranger.publish('flotilla.a', '{"form":1,"messages":[{"kind":"view"}],"ids":[],"rows":[]}');
  await one.hears('view');
  assert.match(one.said.join(), /could not be used: view/);
  one.heard.length = 0;
  await speak(await join(t, 'a'), one);
  assert.deepEqual(new Set(one.heard.map(({ kind }) => kind)), new Set(['revoked']));
});

test('a server that is away at the start, and one that was killed, are found as soon as they are there', async (t) => {
  const port = await freePort();
  const link = `nats://anna:geheim@127.0.0.1:${port}`;
  const [one, two] = [open(t, 'a', link), open(t, 'a', link)];
  await until(() => one.said.length > 0, 'it says so');
  assert.match(one.said[0] ?? '', /^NATS at nats:\/\/127\.0\.0\.1:\d+ cannot be used \(ECONNREFUSED\); .* Check --bus/);
  const configuration = 'authorization { user: anna, password: geheim }';
  const late = await serveNats(t, { port, configuration });
  await Promise.all([one.hears('work'), two.hears('work')]);
  assert.match(one.said.slice(1).join(), /is there/);
  await speak(one, two);

  one.heard.length = 0;
  await late.process.kill('SIGKILL');
  for (let count = 0; count < 100; count++) one.bus.publish({ kind: 'progress', items: [progressOf(count)] });
  await late.start();
  await one.hears('work');
  assert.deepEqual(one.heard, [{ kind: 'events' }, { kind: 'work' }]);
  await speak(two, one);
  await speak(one, two);
  assert.ok(
    two.heard.every(({ kind }) => kind !== 'progress'),
    'old figures are told to nobody',
  );
  assert.ok(!/anna|geheim/.test(one.said.join()));
});

for (const [what, login, configuration] of [
  ['a token', 'to%2Fken', 'authorization { token: "to/ken" }'],
  ['name and password', 'anna:ge%40heim', 'authorization { user: anna, password: "ge@heim" }'],
] as const) {
  test(`${what} of the link is what NATS asks for, and is shown nowhere when it is wrong`, async (t) => {
    const { port } = await serveNats(t, { configuration });
    await join(t, 'a', `nats://${login}@127.0.0.1:${port}`);
    const wrong = open(t, 'a', `nats://x${login}@127.0.0.1:${port}`);
    await until(() => wrong.said.length > 0, 'it says so');
    assert.match(wrong.said[0] ?? '', /NATS at nats:\/\/127\.0\.0\.1:\d+ cannot be used \('?Authorization Violation/i);
    assert.deepEqual([wrong.heard, /xto|xanna|heim/.test(wrong.said.join())], [[], false]);
  });
}

test('a login that may not use the subject is told of', async (t) => {
  const deny = 'authorization { users = [{ user: a, password: b, permissions: { publish: ">", subscribe: "other" } }] }';
  const { port } = await serveNats(t, { configuration: deny });
  const member = open(t, 'a', `nats://a:b@127.0.0.1:${port}`);
  await until(() => member.said.length > 0, 'it says so');
  assert.match(member.said[0] ?? '', /Permissions Violation.*flotilla\.a/i);
});

test('tls links speak TLS to a server with a good certificate, and nothing to any other', async (t) => {
  const certificate = makeCertificate(tempFolder(t));
  const { port } = await serveNats(t, { certificate });
  const link = `tls://localhost:${port}`;
  const doubting = open(t, 'a', link);
  const plain = open(t, 'a', `tls://anna:geheim@127.0.0.1:${server.port}`);
  await until(() => doubting.said.length > 0 && plain.said.length > 0, 'both say so');
  assert.match(doubting.said[0] ?? '', /UNABLE_TO_VERIFY|SELF_SIGNED/);
  assert.match(plain.said[0] ?? '', /does not support 'tls'/);
  const known = getCACertificates('default');
  releaseAfter(t, () => setDefaultCACertificates(known));
  setDefaultCACertificates([...known, readFileSync(certificate.caPath, 'utf8')]);
  const [one, two] = [await join(t, 'a', link), await join(t, 'a', link)];
  await speak(one, two);
});

test('a bus without a server takes everything and says nothing, in little memory', async (t) => {
  const { bus, heard } = open(t, 'a', 'nats://127.0.0.1:1');
  const before = process.memoryUsage().heapUsed;
  for (let count = 0; count < 200_000; count++) bus.publish({ kind: 'worker', workerId: `worker number ${count}` });
  assert.ok(process.memoryUsage().heapUsed - before < 100 * 1024 * 1024);
  assert.deepEqual(heard, []);
});

test('a server that froze, or never speaks, does not hold up whoever closes', async (t) => {
  const frozen = await serveNats(t);
  const member = await join(t, 'a', frozen.link);
  const silent = createServer().listen(0, '127.0.0.1');
  releaseAfter(t, () => silent.close());
  await until(() => silent.listening, 'it listens');
  const waiting = open(t, 'a', `nats://127.0.0.1:${(silent.address() as { port: number }).port}`);
  process.kill(frozen.process.pid, 'SIGSTOP');
  releaseAfter(t, () => process.kill(frozen.process.pid, 'SIGKILL'));
  member.bus.publish({ kind: 'work' });
  const startedAtMs = performance.now();
  await Promise.all([member.bus.close(), waiting.bus.close()]);
  assert.ok(performance.now() - startedAtMs < 10_000);
});

test('a server that froze is given up after some seconds, and used again when it goes on', { timeout: 60_000 }, async (t) => {
  const frozen = await serveNats(t);
  const [one, two] = [await join(t, 'a', frozen.link), await join(t, 'a', frozen.link)];
  process.kill(frozen.process.pid, 'SIGSTOP');
  releaseAfter(t, () => process.kill(frozen.process.pid, 'SIGKILL'));
  one.bus.publish({ kind: 'work' });
  await until(() => one.said.length > 0, 'it says so');
  assert.match(one.said[0] ?? '', /cannot be used \(it does not answer\)/);
  process.kill(frozen.process.pid, 'SIGCONT');
  await one.hears('work');
  await speak(one, two);
});

test('two control planes on one store hear of each other by it, without a round', async (t: TestContext) => {
  const [one, two] = [await join(t, 'shared'), await join(t, 'shared')];
  const a = await startControl(t, { bus: one.bus });
  const b = await a.beside({ bus: two.bus });
  const told: string[] = [];
  b.onEvent(({ name }) => told.push(name));
  await a.add();
  await until(() => told.includes('download.queued'), 'the event is heard');
  await b.submit(owner, { link: 'https://example.org/other.iso', options: {} });
  await until(() => a.heard.length === 2, 'the other one too');
});

test('links are told from what is none', () => {
  const good = ['nats://host', 'nats://host:4222/', 'nats://a:b%40@[::1]:1', 'tls://token@host'];
  const bad = ['host:4222', 'nats:', 'nats://', 'http://host', 'nats://host/x', 'nats://host?x', 'nats://a:%zz@host'];
  assert.deepEqual([good.filter(isNatsLink), bad.filter(isNatsLink)], [good, []]);
});
