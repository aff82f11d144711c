import assert from 'node:assert/strict';
import { createServer, type Socket } from 'node:net';
import { after, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { NewEvent, Store } from '#core/store.ts';
import { conformStore, sampleDownload, sampleTask } from '#testing/conform-store.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { startProcess } from '#testing/process.ts';
import { firstSeed } from '#testing/seed.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { freePort, releaseAfter, type Scope } from '#testing/temp.ts';
import { openPostgresStore, type PostgresOptions } from './postgres.ts';
import { proxyPostgres } from './testing/postgres-proxy.ts';

const clock = createFakeClock();
const server = await servePostgres({ after });
const child = fileURLToPath(import.meta.resolve('../testing/second-process.ts'));
const away = { code: 'store_unavailable' };

async function open(t: Scope, url: string, options: Partial<PostgresOptions> = {}): Promise<Store> {
  const store = await openPostgresStore(url, { clock, ...options });
  releaseAfter(t, () => store.close());
  return store;
}

const put = (store: Store, key: string) => store.write((tx) => tx.meta.put(key, ''));
const has = (store: Store, key: string) => store.read(async (tx) => (await tx.meta.get(key)) !== null);

async function missing(store: Store, keys: Iterable<string>): Promise<string[]> {
  return store.read(async (tx) => {
    const lost: string[] = [];
    for (const key of keys) if ((await tx.meta.get(key)) === null) lost.push(key);
    return lost;
  });
}

/** Waits until the database answers again, as everybody does who tries again later. */
async function untilWritten(store: Store, key: string): Promise<void> {
  const endsAtMs = performance.now() + 10_000;
  for (;;) {
    try {
      return await put(store, key);
    } catch (error) {
      if (performance.now() > endsAtMs) throw error;
    }
  }
}

conformStore({ name: 'postgres', open: async (t) => open(t, await server.newDatabase()) });

test('replicas that start together bring the database up to date once', async (t) => {
  const url = await server.newDatabase();
  const stores = await Promise.all([1, 2, 3, 4].map(() => open(t, url)));
  await Promise.all(stores.map((store, index) => put(store, String(index))));
  assert.deepEqual(await missing(stores[0] as Store, ['0', '1', '2', '3']), []);
});

test('tables that change all the time leave room for it, and what somebody else has set stays', async (t) => {
  const url = await server.newDatabase();
  await (await open(t, url)).close();
  const optionsOf = async () => {
    const rows = await server.run<{ text: string }>(
      "select reloptions::text as text from pg_class where relname = 'tasks'",
      url,
    );
    return rows[0]?.text;
  };
  assert.match((await optionsOf()) ?? '', /fillfactor=70.*autovacuum_vacuum_threshold=5000/);
  await server.run('alter table tasks reset (fillfactor)', url);
  const before = await optionsOf();
  await (await open(t, url)).close();
  assert.equal(await optionsOf(), before);
});

test('writes of several replicas run one after the other, and events are numbered in the order of their commits', async (t) => {
  const url = await server.newDatabase();
  const stores = await Promise.all([1, 2, 3].map(() => open(t, url)));
  const event: NewEvent = { name: 'settings.changed', atMs: 1, downloadId: null, ownerId: null, message: 'Hello.', data: {} };
  const add = (store: Store) =>
    store.write(async (tx) => {
      const before = Number((await tx.meta.get('count')) ?? 0);
      await tx.meta.put('count', String(before + 1));
      return (await tx.events.append([event]))[0]?.sequence;
    });
  const numbers = await Promise.all(stores.flatMap((store) => Array.from({ length: 20 }, () => add(store))));
  assert.deepEqual(
    numbers.toSorted((a, b) => Number(a) - Number(b)),
    Array.from({ length: 60 }, (_, index) => index + 1),
  );
  assert.equal(await (stores[0] as Store).read((tx) => tx.meta.get('count')), '60');
});

test('every acknowledged row is there after kill -9 of the writer (Q1)', async (t) => {
  const url = await server.newDatabase();
  const acknowledged = new Set<string>();
  const random = createFakeRandom(firstSeed);
  for (let round = 0; round < 5; round++) {
    const writer = await startProcess(t, process.execPath, [child, url, `add${round}-`], { ready: /add\d/ });
    await sleep(random.u32() % 60);
    await writer.kill('SIGKILL');
    for (const key of writer.stdout.split('\n').slice(0, -1)) acknowledged.add(key);
  }
  assert.deepEqual(await missing(await open(t, url), acknowledged), []);
  assert.ok(acknowledged.size > 20, `only ${acknowledged.size} rows were added`);
});

test('every acknowledged row is there after crashes of the server, and the store heals by itself (Q1)', async (t) => {
  const store = await open(t, await server.newDatabase());
  const acknowledged = new Set<string>();
  let isOver = false;
  const writer = (async () => {
    for (let index = 0; !isOver; index++) {
      const key = `key ${index}`;
      await put(store, key).then(
        () => acknowledged.add(key),
        (error) => assert.equal(error.code, 'store_unavailable', error.stack),
      );
    }
  })();
  for (const how of ['immediate', 'fast'] as const) {
    const before = acknowledged.size;
    while (acknowledged.size < before + 20) await sleep(5);
    await server.stop(how);
    await server.start();
    await untilWritten(store, `after ${how}`);
  }
  isOver = true;
  await writer;
  assert.deepEqual(await missing(store, acknowledged), []);
});

test('while the database is away every call fails soon with a sentence, and none leaves a connection behind', async (t) => {
  const url = await server.newDatabase();
  const store = await open(t, url);
  await server.stop();
  const startedAtMs = performance.now();
  const calls = Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? put(store, 'key') : has(store, 'key')));
  for (const result of await Promise.allSettled(calls)) {
    assert.equal(result.status, 'rejected');
    assert.equal(result.reason.code, 'store_unavailable');
    assert.match(result.reason.message, /does not answer right now \(.*\), so nothing was changed\. Try again/);
  }
  assert.ok(performance.now() - startedAtMs < 5000);
  await server.start();
  await untilWritten(store, 'healed');
  await Promise.all(Array.from({ length: 20 }, () => has(store, 'key')));
  const [row] = await server.run<{ count: string }>(
    "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'flotilla'",
    url,
  );
  assert.equal(Number(row?.count), 5, 'one to write and four to read');
});

test('connections that an administrator ends are made anew without anybody noticing', async (t) => {
  const url = await server.newDatabase();
  const store = await open(t, url);
  await put(store, 'first');
  const end = 'select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and datname is not null';
  await server.run(end);
  await put(store, 'second');
  assert.deepEqual(await missing(store, ['first', 'second']), []);
});

test('a commit whose answer was lost is reported as a failure, although it may have happened', async (t) => {
  const url = await server.newDatabase();
  const proxy = await proxyPostgres(t, url);
  const [store, beside] = [await open(t, proxy.url), await open(t, url)];
  await put(store, 'before');
  proxy.mode = 'cut commits';
  let isTold = false;
  const lost = store.write(async (tx) => {
    await tx.meta.put('lost', '');
    tx.afterCommit(() => {
      isTold = true;
    });
  });
  await assert.rejects(lost, { ...away, message: /nobody knows whether it did/ });
  assert.equal(isTold, false);
  proxy.mode = 'open';
  await put(store, 'after');
  assert.deepEqual(await missing(beside, ['before', 'lost', 'after']), []);
});

test('a job takes as many statements for fifty rows as for five', async (t) => {
  const proxy = await proxyPostgres(t, await server.newDatabase());
  const store = await open(t, proxy.url);
  const event = { name: 'download.started', atMs: 1, ownerId: 'anna', message: 'Begun.', data: {} } as const;
  const attempt = {
    epoch: 1,
    kind: 'fetch',
    workerId: 'w1',
    outcome: 'fetched',
    stage: null,
    message: null,
    startedAtMs: 1,
    finishedAtMs: 2,
  } as const;

  async function statementsFor(count: number): Promise<number> {
    const ids = Array.from({ length: count }, (_, index) => `${count}-${index}`);
    await store.write(async (tx) => {
      await tx.downloads.insertMany(ids.map((id) => sampleDownload(id)));
      await tx.tasks.insertMany(ids.map((id) => sampleTask(id, { downloadId: id })));
    });
    const before = proxy.answers;
    await store.write(async (tx) => {
      await tx.downloads.getMany(ids);
      await tx.tasks.ofDownloads(ids);
      for (const id of ids) {
        const task = await tx.tasks.ofDownload(id);
        const download = await tx.downloads.get(task?.downloadId ?? '');
        await tx.downloads.update(id, { state: 'completed', finishedAtMs: 5, doneBytes: (download?.doneBytes ?? 0) + 1 });
        await tx.attempts.insert({ ...attempt, taskId: id, downloadId: id });
        await tx.totals.add(`owner ${id}`, { completedTotal: 1 });
        for (let index = 0; index < 2; index++) await tx.events.append([{ ...event, downloadId: id }]);
        await tx.tasks.remove(id);
      }
    });
    return proxy.answers - before;
  }

  const forFive = await statementsFor(5);
  assert.equal(await statementsFor(50), forFive);
  // Sums of owners that had none take two.
  assert.ok(forFive <= 12, `${forFive} statements, with begin and commit`);
});

test('a server that falls silent is given up after a while', async (t) => {
  const proxy = await proxyPostgres(t, await server.newDatabase());
  const patience = { answerMs: 300, connectMs: 300, repairMs: 300 };
  const store = await open(t, proxy.url, { patience });
  await put(store, 'before');
  proxy.mode = 'deaf';
  const startedAtMs = performance.now();
  await Promise.all([assert.rejects(put(store, 'key'), away), assert.rejects(has(store, 'key'), away)]);
  assert.ok(performance.now() - startedAtMs < 3000);
  proxy.mode = 'open';
  await untilWritten(store, 'after');
});

test('a replica that freezes in the middle of a write loses it, and the others go on', async (t) => {
  const url = await server.newDatabase();
  const [frozen, other] = [await open(t, url, { patience: { idleMs: 200 } }), await open(t, url)];
  let begun = () => {};
  const isBegun = new Promise<void>((resolve) => {
    begun = resolve;
  });
  const late = frozen.write(async (tx) => {
    await tx.meta.put('frozen', '');
    begun();
    await sleep(1000);
  });
  const refused = assert.rejects(late, away);
  await isBegun;
  await put(other, 'other');
  await refused;
  assert.equal(await has(other, 'frozen'), false);
  await put(frozen, 'thawed');
});

test('a write that ignores a failed statement is not taken for kept', async (t) => {
  const store = await open(t, await server.newDatabase());
  const token = {
    id: 't',
    hash: 'h',
    userId: 'nobody',
    name: '',
    scopes: [],
    createdAtMs: 1,
    expiresAtMs: null,
    usedAtMs: null,
  };
  const write = store.write(async (tx) => {
    await tx.meta.put('key', '');
    await assert.rejects(tx.tokens.insert(token));
  });
  await assert.rejects(write);
  assert.equal(await has(store, 'key'), false);
});

test('at the start a database that is away is waited for', async (t) => {
  const url = await server.newDatabase();
  await server.stop();
  const told: string[] = [];
  const opening = open(t, url, { onWait: (sentence) => told.push(sentence) });
  while (told.length === 0) await sleep(10);
  await server.start();
  await put(await opening, 'key');
  assert.equal(told.length, 1);
  assert.match(told[0] ?? '', /^Waiting for the database flotilla_\d+ at 127\.0\.0\.1:\d+: .*ECONNREFUSED/);
});

test('a database that stays away, is not there or refuses the login ends in a sentence without the password', async (t) => {
  await server.run("create role locked login password 'right'");
  const refused = (url: string) =>
    open(t, url, { waitMs: 300 }).then(
      () => assert.fail('it was opened'),
      (error) => {
        assert.doesNotMatch(error.message, /hidden/);
        return [error.code, error.message];
      },
    );
  const [awayCode, awaySentence] = await refused(`postgres://anna:hidden@127.0.0.1:${await freePort()}/x`);
  assert.equal(awayCode, 'store_unavailable');
  assert.match(awaySentence, /^The database x at 127\.0\.0\.1:\d+ did not answer for 0 s: .* Start it, or check/);
  const [missingCode, missingSentence] = await refused(`postgres://flotilla:hidden@127.0.0.1:${server.port}/nowhere`);
  assert.equal(missingCode, 'not_found');
  assert.match(missingSentence, /^There is no database nowhere at .* Create it/);
  const [loginCode, loginSentence] = await refused(`postgres://locked:hidden@127.0.0.1:${server.port}/postgres`);
  assert.equal(loginCode, 'auth_required');
  assert.match(loginSentence, /refused the login/);
});

test('a PostgreSQL that is too old is refused with a sentence that names its version', async (t) => {
  const url = await serveOldPostgres(t, '14.19 (Debian 14.19-1)');
  await assert.rejects(open(t, url), { code: 'unsupported', message: /PostgreSQL 14\.19 .*needs 15 or newer/ });
});

test('a database of a newer program is refused with a sentence', async (t) => {
  const url = await server.newDatabase();
  await (await open(t, url)).close();
  await server.run("insert into migrations values ('9999-future', 1)", url);
  await assert.rejects(open(t, url), { code: 'unsupported', message: /newer Flotilla \(it has 9999-future/ });
});

for (const column of ['bornHour', 'createdAtMs']) {
  test(`a database whose keys of added downloads have a ${column} is brought up to date, and knows them`, async (t) => {
    const url = await server.newDatabase();
    await (await open(t, url)).close();
    if (column !== 'bornHour') await server.run(`alter table submissions rename column "bornHour" to "${column}"`, url);
    await server.run("insert into submissions values ('anna', 'k', '[]', 7)", url);
    await server.run("delete from migrations where name = '0011-born-hours'", url);
    const store = await open(t, url);
    const known = await store.read((tx) => tx.submissions.get('anna', 'k'));
    assert.deepEqual(known, { ownerId: 'anna', key: 'k', results: [], bornHour: column === 'bornHour' ? 7 : 0 });
  });
}

/**
 * Answers every question with its version, as a PostgreSQL would.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
async function serveOldPostgres(t: Scope, version: string): Promise<string> {
  const message = (type: string, ...parts: (string | number[])[]) => {
    const body = Buffer.concat(parts.map((part) => Buffer.from(part as string)));
    const length = Buffer.alloc(4);
    length.writeInt32BE(body.length + 4);
    return Buffer.concat([Buffer.from(type), length, body]);
  };
  const ready = message('Z', 'I');
  const text = [0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0, 0];
  const answer = [
    message('T', [0, 1], 'server_version\0', text),
    message('D', [0, 1], [0, 0, 0, version.length], version),
    message('C', 'SHOW\0'),
    ready,
  ];
  const sockets = new Set<Socket>();
  const old = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('data', () => {
      socket.write(Buffer.concat([message('R', [0, 0, 0, 0]), ready]));
      socket.on('data', (asked) => asked.toString('latin1', 0, 1) === 'Q' && socket.write(Buffer.concat(answer)));
    });
  });
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => {
    for (const socket of sockets) socket.destroy();
    old.close();
  });
  return `postgres://flotilla@127.0.0.1:${(old.address() as { port: number }).port}/old`;
}
