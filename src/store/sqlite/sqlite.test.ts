import assert from 'node:assert/strict';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { createControl } from '#control/create.ts';
import { conformStore } from '#testing/conform-store.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { startProcess } from '#testing/process.ts';
import { firstSeed } from '#testing/seed.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { createSealer } from '#wire/sealer.ts';
import { openSqliteStore } from './sqlite.ts';
import { writeSqliteTables } from './tables.ts';

const clock = createFakeClock();
const child = fileURLToPath(import.meta.resolve('../testing/second-process.ts'));

async function open(t: Scope, path: string) {
  const store = await openSqliteStore(path, { clock });
  releaseAfter(t, () => store.close());
  return store;
}

conformStore({ name: 'sqlite', open: (t) => open(t, join(tempFolder(t), 'flotilla.db')) });
conformStore({ name: 'sqlite in memory', open: (t) => open(t, ':memory:') });

test('what was written is there after closing and opening again', async (t) => {
  const path = join(tempFolder(t), 'new', 'folder', 'flotilla.db');
  const first = await open(t, path);
  await first.write((tx) => tx.meta.put('key', 'value'));
  await first.close();
  const second = await open(t, path);
  assert.equal(await second.read((tx) => tx.meta.get('key')), 'value');
  if (process.platform !== 'win32') assert.equal(statSync(path).mode & 0o077, 0, 'others may not read it');
});

test('writes that are asked for together share one commit', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  const store = await open(t, path);
  const watcher = new DatabaseSync(path, { readOnly: true });
  releaseAfter(t, () => watcher.close());
  const seen = new Set<unknown>();
  const write = (index: number) =>
    store.write(async (tx) => {
      await tx.meta.put(`key${index}`, '');
      seen.add(watcher.prepare("select count(*) as count from meta where key like 'key%'").get()?.count);
    });
  await Promise.all(Array.from({ length: 20 }, (_, index) => write(index)));
  assert.deepEqual([...seen], [0], 'nobody outside saw a part of it');
  assert.equal(watcher.prepare('select count(*) as count from meta').get()?.count, 20);
});

test('a second process is refused with a sentence that names the folder, until the first one is gone', async (t) => {
  const folder = tempFolder(t);
  const path = join(folder, 'flotilla.db');
  const first = await startProcess(t, process.execPath, [child, path, 'hold'], { ready: /ready/ });

  const second = await startProcess(t, process.execPath, [child, path, 'hold']);
  assert.equal((await second.exited).code, 3);
  assert.match(second.stderr, /already running/);
  assert.ok(second.stderr.includes(folder));

  await first.kill('SIGKILL');
  const third = await startProcess(t, process.execPath, [child, path, 'hold'], { ready: /ready/ });
  await third.stop();
});

test('a second store in the same process is refused too', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  const first = await open(t, path);
  await assert.rejects(open(t, path), { code: 'busy' });
  await first.close();
  await open(t, path);
});

test('every acknowledged row is there after kill -9 (Q1)', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  const acknowledged = new Set<string>();
  const random = createFakeRandom(firstSeed);
  for (let round = 0; round < 10; round++) {
    const writer = await startProcess(t, process.execPath, [child, path, `add${round}-`], { ready: /add\d/ });
    await new Promise((resolve) => setTimeout(resolve, random.u32() % 60));
    await writer.kill('SIGKILL');
    // The last line may be cut; what was not printed whole was not acknowledged to anybody.
    for (const key of writer.stdout.split('\n').slice(0, -1)) acknowledged.add(key);
  }
  const store = await open(t, path);
  const lost = await store.read(async (tx) => {
    const missing: string[] = [];
    for (const key of acknowledged) if ((await tx.meta.get(key)) === null) missing.push(key);
    return missing;
  });
  assert.deepEqual(lost, []);
  assert.ok(acknowledged.size > 50, `only ${acknowledged.size} rows were added`);
});

test('a database from before there were limits is brought up to date, and its tasks learn their hosts', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  const before = await open(t, path);
  const defaultDestination = { kind: 'local', name: 'Downloads', options: {} };
  const sealer = createSealer(new Uint8Array(32));
  const options = { store: before, clock, random: createFakeRandom(1), sealer, schemes: ['https:'], defaultDestination };
  const control = await createControl(options);
  const { id } = await control.submit('anna', { link: 'https://files.example.org:8443/a', options: {} });
  await before.close();
  const old = new DatabaseSync(path);
  old.exec(`drop index "tasksHeld"; alter table tasks drop column host; alter table users drop column limitBytesPerSecond;
    alter table users drop column maxActive; delete from migrations where name = '0002-limits'`);
  old.close();
  const after = await open(t, path);
  assert.equal(await after.read(async (tx) => (await tx.tasks.ofDownload(id))?.host), 'files.example.org');
});

test('a database of a newer program is refused with a sentence and left alone', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  await (await open(t, path)).close();
  const newer = new DatabaseSync(path);
  newer.exec("insert into migrations values ('9999-future', 1)");
  newer.close();
  await assert.rejects(open(t, path), { code: 'unsupported', message: /newer Flotilla \(it has 9999-future/ });
  await assert.rejects(open(t, path), { code: 'unsupported' }, 'the lock was let go');
});

test('a file that is no database is refused with a sentence', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  writeFileSync(path, 'this is a text, and long enough to be taken for a page of something else '.repeat(20));
  await assert.rejects(open(t, path), { code: 'unsupported', message: /Restore it from a backup/ });
});

test('secrets in a database of the first version move out of the downloads, and go when those are over', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  await (await open(t, path)).close();
  const old = new DatabaseSync(path);
  old.exec(
    "drop table attachments; alter table downloads drop column secrets; delete from migrations where name = '0003-attachments'",
  );
  const insert = old.prepare(`
    insert into downloads (id, ownerId, link, name, searchText, state, options, destinationId, doneBytes, attempt, createdAtMs,
      priority, tries, bestBytes, queuedAtMs, isErased) values (?, 'anna', ?, 'file', '', ?, ?, '1', 0, 1, 1, 0, 0, 0, 1, 0)`);
  const secret = 'https://anna:hidden@example.org/';
  insert.run('a', secret, 'failed', '{"connections":2,"request":{"bearer":"hidden"}}');
  insert.run('b', secret, 'completed', '{"request":{"bearer":"hidden"}}');
  insert.run('c', 'https://example.org/@x', 'queued', '{"connections":2}');
  old.close();
  const store = await open(t, path);
  const found = await store.read((tx) => tx.downloads.getMany(['a', 'b', 'c']));
  assert.deepEqual(
    found.map(({ link, options, secrets }) => [link, options, secrets]),
    [
      ['https://anna:***@example.org/', { connections: 2 }, 'sealed'],
      ['https://anna:***@example.org/', {}, 'forgotten'],
      ['https://example.org/@x', { connections: 2 }, 'none'],
    ],
  );
  const body = JSON.stringify({ link: secret, request: { bearer: 'hidden' } });
  assert.deepEqual(await store.read((tx) => tx.attachments.listOf('unsealed')), [{ downloadId: 'a', kind: 'unsealed', body }]);
});

test('a database from before its tables were made narrower is brought up to date with all that is in it', async (t) => {
  const path = join(tempFolder(t), 'flotilla.db');
  const before = ['0001-first', '0002-limits', '0003-attachments', '0004-queues', '0005-worker-keys', '0006-ladder'];
  const old = await writeSqliteTables(path, clock, [...before, '0007-logs', '0008-daily']);
  const attempt = { taskId: 't1', epoch: 2, downloadId: 'd1', kind: 'fetch', workerId: 'w1', outcome: 'fetched' };
  await old.insert('attempts', [{ ...attempt, startedAtMs: 1, finishedAtMs: 2, stage: null, message: null }]);
  const events = [7, 8].map((sequence) => ({ sequence, name: 'download.started', atMs: 1, downloadId: 'd1', ownerId: 'anna' }));
  await old.insert(
    'events',
    events.map((event) => ({ ...event, message: 'Begun.', data: '{}' })),
  );
  await old.insert('shares', [{ account: 'fetch anna', virtualTime: 1.5 }]);
  const sums = { completed: 1, failed: 2, retries: 3, fetchedBytes: 4, deliveredBytes: 5 };
  await old.insert('daily', [{ ownerId: 'anna', kind: 'all', day: '2026-11-21', name: '', ...sums }]);
  await old.commit();
  await old.close();

  const store = await open(t, path);
  await store.write(async (tx) => {
    assert.deepEqual(
      (await tx.events.ofDownload('d1')).map(({ sequence, message }) => [sequence, message]),
      [
        [7, 'Begun.'],
        [8, 'Begun.'],
      ],
    );
    assert.equal((await tx.attempts.get('t1', 2))?.outcome, 'fetched');
    assert.equal((await tx.attempts.listOf('d1')).length, 1);
    assert.deepEqual(await tx.shares.getMany(['fetch anna']), [{ account: 'fetch anna', virtualTime: 1.5 }]);
    await tx.daily.add({ ownerId: 'anna', kind: 'all', day: '2026-11-21', name: '' }, { completed: 1 });
    assert.deepEqual((await tx.daily.byDay('anna', ''))[0], {
      ...{ ownerId: 'anna', kind: 'all', day: '2026-11-21', name: '' },
      ...sums,
      completed: 2,
    });
  });
});

for (const column of ['bornHour', 'createdAtMs']) {
  test(`a database whose keys of added downloads have a ${column} is brought up to date, and knows them`, async (t) => {
    const path = join(tempFolder(t), 'flotilla.db');
    await (await open(t, path)).close();
    const old = new DatabaseSync(path);
    old.exec(`${column === 'bornHour' ? '' : 'alter table submissions rename column bornHour to createdAtMs;'} insert into submissions values ('anna', 'k', '[]', 7);
      delete from migrations where name = '0011-born-hours'`);
    old.close();
    const store = await open(t, path);
    const known = await store.read((tx) => tx.submissions.get('anna', 'k'));
    assert.deepEqual(known, { ownerId: 'anna', key: 'k', results: [], bornHour: column === 'bornHour' ? 7 : 0 });
  });
}
