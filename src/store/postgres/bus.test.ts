import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BusMessage } from '#core/bus.ts';
import type { LineBus } from '#core/line-bus.ts';
import { progressOf } from '#testing/progress-of.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { releaseAfter, type Scope } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { systemClock } from '#wire/system.ts';
import { openPostgresBus } from './bus.ts';
import { proxyPostgres } from './testing/postgres-proxy.ts';

const server = await servePostgres({ after });

type Member = { bus: LineBus; heard: BusMessage[]; until(kind: BusMessage['kind'], count?: number): Promise<void> };

/** On the bus, and connected. */
async function join(t: Scope, url: string): Promise<Member> {
  const bus = openPostgresBus(url, systemClock);
  releaseAfter(t, () => bus.close());
  const heard: BusMessage[] = [];
  bus.listen((message) => heard.push(message));
  const member: Member = {
    bus,
    heard,
    async until(kind, count = 1) {
      await until(() => heard.filter((message) => message.kind === kind).length >= count, `${kind} is heard`);
    },
  };
  await member.until('work');
  heard.length = 0;
  return member;
}

test('what one says all others hear, in order and soon, and nobody hears himself', async (t) => {
  const url = await server.newDatabase();
  const [one, two, three] = [await join(t, url), await join(t, url), await join(t, url)];
  const said: BusMessage[] = [
    { kind: 'worker', workerId: 'wörker 🚚' },
    { kind: 'watch', ownerIds: ['anna'], downloadIds: [] },
    { kind: 'revoked', credentialId: 'x' },
  ];
  const startedAtMs = performance.now();
  for (const message of said) one.bus.publish(message);
  await Promise.all([two.until('revoked'), three.until('revoked')]);
  assert.ok(performance.now() - startedAtMs < 5000);
  assert.deepEqual([one.heard, two.heard, three.heard], [[], said, said]);
});

test('what is the same is said once, and a message may be of any size', async (t) => {
  const url = await server.newDatabase();
  const [one, two] = [await join(t, url), await join(t, url)];
  for (let count = 0; count < 1000; count++) one.bus.publish({ kind: 'work' });
  const items = Array.from({ length: 5000 }, (_, index) => progressOf(index));
  one.bus.publish({ kind: 'progress', items });
  await two.until('progress');
  assert.deepEqual(two.heard, [{ kind: 'progress', items }, { kind: 'work' }]);
});

test('replicas of other databases and schemas, and programs of another version, are not heard', async (t) => {
  const url = await server.newDatabase();
  await server.run('create schema other', url);
  const inOther = new URL(url);
  inOther.searchParams.set('options', '-c search_path=other');
  const [one, beside, elsewhere] = [await join(t, url), await join(t, inOther.href), await join(t, await server.newDatabase())];
  beside.bus.publish({ kind: 'work' });
  elsewhere.bus.publish({ kind: 'work' });
  const [row] = await server.run<{ name: string }>("select 'flotilla_' || md5('public') as name", url);
  for (const payload of ['', 'x', '0/1:{', '0/1:null', '0/1:{"form":0}', '1/2:"x"', '0/2:{"form":1', '0/1:[]']) {
    await server.run(`select pg_notify('${row?.name}', '${payload}')`, url);
  }
  const last = await join(t, url);
  last.bus.publish({ kind: 'events' });
  await one.until('events');
  assert.deepEqual(one.heard, [{ kind: 'events' }]);
});

test('a connection that an administrator ends, and a server that restarts, are found again, and what was missed is asked for', async (t) => {
  const url = await server.newDatabase();
  const [one, two] = [await join(t, url), await join(t, url)];
  const speak = async () => {
    one.heard.length = 0;
    // Until the other one is connected again too, nobody hears it.
    for (let count = 1; !one.heard.some(({ kind }) => kind === 'revoked'); count++) {
      two.bus.publish({ kind: 'revoked', credentialId: String(count) });
      await sleep(20);
      assert.ok(count < 500, 'nothing was heard');
    }
  };
  await server.run(
    'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
    url,
  );
  await one.until('work');
  assert.deepEqual(one.heard.slice(0, 2), [{ kind: 'events' }, { kind: 'work' }]);
  await speak();

  one.heard.length = 0;
  await server.stop();
  for (let count = 0; count < 100; count++) one.bus.publish({ kind: 'progress', items: [progressOf(count)] });
  await server.start();
  await one.until('work');
  await speak();
});

test('a bus without a database takes everything and says nothing, in little memory', async (t) => {
  const bus = openPostgresBus('postgres://nobody@127.0.0.1:1/nothing', systemClock);
  releaseAfter(t, () => bus.close());
  bus.listen(() => assert.fail('nobody speaks'));
  const before = process.memoryUsage().heapUsed;
  for (let count = 0; count < 200_000; count++) bus.publish({ kind: 'worker', workerId: `worker number ${count}` });
  assert.ok(process.memoryUsage().heapUsed - before < 100 * 1024 * 1024);
});

test('a connection that hears nothing any more does not hold up whoever closes', async (t) => {
  const proxy = await proxyPostgres(t, await server.newDatabase());
  const member = await join(t, proxy.url);
  proxy.mode = 'deaf';
  const startedAtMs = performance.now();
  await member.bus.close();
  assert.ok(performance.now() - startedAtMs < 10_000);
});
