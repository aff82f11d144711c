/** What every engine of the store promises, as tests. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Vitals } from '#core/protocol.ts';
import { type NewEvent, noUserLimits, type Store, type StoredDownload, type TaskRow, type Transaction } from '#core/store.ts';
import { modelStore } from './model-store.ts';
import type { Scope } from './temp.ts';

export type StoreUnderTest = {
  name: string;
  /** A new empty store; it is closed after the test. */
  open(t: Scope): Promise<Store>;
};

export function conformStore({ name, open }: StoreUnderTest): void {
  test(`${name}: whatever is done row by row is there, as a plain map would have it`, async (t) =>
    modelStore(await open(t), { task, download }));

  const check = (sentence: string, run: (store: Store) => Promise<void>) =>
    test(`${name}: ${sentence}`, async (t) => run(await open(t)));

  check('what a write changed is there for the next read', async (store) => {
    await store.write((tx) => tx.meta.put('greeting', 'hello'));
    assert.equal(await store.read((tx) => tx.meta.get('greeting')), 'hello');
    await store.write((tx) => tx.meta.put('greeting', 'good day'));
    assert.equal(await store.read((tx) => tx.meta.get('greeting')), 'good day');
    await store.write((tx) => tx.meta.remove('greeting'));
    assert.equal(await store.read((tx) => tx.meta.get('greeting')), null);
  });

  check('a write that throws leaves nothing behind, and the ones beside it stay', async (store) => {
    const results = await Promise.allSettled([
      store.write((tx) => tx.meta.put('first', '1')),
      store.write(async (tx) => {
        await tx.meta.put('second', '2');
        tx.afterCommit(() => assert.fail('this was never committed'));
        throw new Error('changed my mind');
      }),
      store.write((tx) => tx.meta.put('third', '3')),
    ]);
    assert.deepEqual(
      results.map((result) => result.status),
      ['fulfilled', 'rejected', 'fulfilled'],
    );
    const kept = await store.read((tx) => Promise.all(['first', 'second', 'third'].map((key) => tx.meta.get(key))));
    assert.deepEqual(kept, ['1', null, '3']);
  });

  check('writes asked for together run one after the other', async (store) => {
    const add = () =>
      store.write(async (tx) => {
        const before = Number((await tx.meta.get('count')) ?? 0);
        await tx.meta.put('count', String(before + 1));
      });
    await Promise.all(Array.from({ length: 50 }, add));
    assert.equal(await store.read((tx) => tx.meta.get('count')), '50');
  });

  check('a read never sees half a write', async (store) => {
    await store.write((tx) => putPair(tx, 0));
    const writes = Array.from({ length: 10 }, (_, index) => store.write((tx) => putPair(tx, index + 1)));
    const reads = Array.from({ length: 10 }, () =>
      store.read(async (tx) => [await tx.meta.get('left'), await tx.meta.get('right')]),
    );
    for (const [left, right] of await Promise.all(reads)) assert.equal(left, right);
    await Promise.all(writes);
  });

  check('a read that changes something is refused', async (store) => {
    await assert.rejects(store.read((tx) => tx.meta.put('key', 'value')));
    assert.equal(await store.read((tx) => tx.meta.get('key')), null);
  });

  check('an invitation becomes the key of a worker, and goes with it', async (store) => {
    const row = { workerId: 'w', joinHash: 'j', joinEndsAtMs: 10, keyHash: null, createdAtMs: 1 };
    await store.write(async (tx) => {
      await tx.workerKeys.insert(row);
      await tx.workerKeys.insert({ ...row, workerId: 'unused', joinHash: 'k' });
      await tx.workerKeys.insert({ ...row, workerId: 'young', joinHash: 'l', joinEndsAtMs: 30 });
    });
    assert.deepEqual(await store.read((tx) => tx.workerKeys.byJoin('j')), row);
    await store.write(async (tx) => {
      await tx.workerKeys.setKey('w', 'h');
      await tx.workerKeys.removeUnused(20);
    });
    await store.read(async (tx) => {
      assert.deepEqual(await tx.workerKeys.byKey('h'), { ...row, keyHash: 'h' });
      assert.deepEqual(await tx.workerKeys.get('w'), { ...row, keyHash: 'h' });
      assert.equal(await tx.workerKeys.byJoin('k'), null);
      assert.equal((await tx.workerKeys.byJoin('l'))?.workerId, 'young');
    });
    assert.deepEqual(await store.read((tx) => tx.workerKeys.workerIds()), ['w']);
    await assert.rejects(store.write((tx) => tx.workerKeys.setKey('young', 'h')));
    await store.write((tx) => tx.workerKeys.remove('w'));
    assert.equal(await store.read((tx) => tx.workerKeys.byKey('h')), null);
  });

  check('a transaction kept for later is refused', async (store) => {
    let kept: Transaction | undefined;
    await store.write(async (tx) => {
      kept = tx;
    });
    await assert.rejects(async () => kept?.meta.put('key', 'value'));
    await assert.rejects(async () => kept?.tasks.update('t1', { priority: 1 }));
    await assert.rejects(async () => kept?.downloads.get('a'));
  });

  check('a read that changes a row of its own is refused', async (store) => {
    await store.write((tx) => tx.tasks.insertMany([task('t1')]));
    await assert.rejects(store.read((tx) => tx.tasks.update('t1', { priority: 9 })));
    assert.deepEqual(await store.read((tx) => tx.tasks.get('t1')), task('t1'));
  });

  check('a transaction sees its own changes, row by row and in every list', async (store) => {
    await store.write((tx) => tx.tasks.insertMany([task('t1'), task('t2', { downloadId: '2' })]));
    await store.write(async (tx) => {
      await tx.tasks.update('t1', { status: 'leased', workerId: 'w1' });
      assert.equal((await tx.tasks.get('t1'))?.workerId, 'w1');
      assert.equal((await tx.tasks.leasedBy('w1')).length, 1);
      assert.equal((await tx.tasks.ofDownloads(['1', '2', '3'])).length, 2);
      await tx.tasks.remove('t2');
      assert.equal(await tx.tasks.ofDownload('2'), null);
      await tx.tasks.insertMany([task('t2', { downloadId: '2', kind: 'deliver' }), task('t3', { downloadId: '3' })]);
      assert.equal((await tx.tasks.ofDownload('2'))?.kind, 'deliver');
      assert.equal((await tx.tasks.ofDownload('3'))?.id, 't3');
      assert.deepEqual((await tx.tasks.getMany(['t1', 't2', 't3', 't4'])).map(({ id }) => id).sort(), ['t1', 't2', 't3']);
    });
    assert.equal((await store.read((tx) => tx.tasks.get('t2')))?.kind, 'deliver');
  });

  check('hooks run after the commit, in its order, before the promise resolves', async (store) => {
    const seen: string[] = [];
    const write = (label: string) =>
      store
        .write(async (tx) => {
          tx.afterCommit(() => seen.push(`hook ${label}`));
        })
        .then(() => seen.push(`promise ${label}`));
    await Promise.all([write('a'), write('b')]);
    assert.deepEqual(seen, ['hook a', 'hook b', 'promise a', 'promise b']);
  });

  check('closing waits for what was asked, twice is harmless, and later calls are refused', async (store) => {
    const write = store.write((tx) => tx.meta.put('key', 'value'));
    await store.close();
    await write;
    await store.close();
    await assert.rejects(store.write((tx) => tx.meta.put('key', 'late')));
  });

  check('the name of a user is taken in every case', async (store) => {
    await store.write(async (tx) => {
      assert.equal(await tx.users.insert(user('u1', 'Änne')), true);
      assert.equal(await tx.users.insert(user('u2', 'äNNE')), false);
      assert.equal((await tx.users.byName('ÄNNE'))?.id, 'u1');
      assert.equal(await tx.users.byName('anne'), null);
      assert.equal(await tx.users.count(), 1);
      const change = { role: 'user', passwordHash: 'other', limitBytesPerSecond: 2 ** 40, maxActive: 3 } as const;
      await tx.users.update('u1', change);
      assert.deepEqual(await tx.users.get('u1'), { ...user('u1', 'Änne'), ...change });
    });
  });

  check('sessions end one by one, all but one, by time, and with their user', async (store) => {
    await store.write(async (tx) => {
      await tx.users.insert(user('u1', 'anna'));
      for (const [idHash, expiresAtMs] of [
        ['a', 10],
        ['b', 20],
        ['c', 30],
        ['d', 40],
      ] as const) {
        await tx.sessions.insert({ idHash, userId: 'u1', createdAtMs: 1, usedAtMs: expiresAtMs, expiresAtMs, userAgent: null });
      }
      assert.equal(await tx.sessions.removeExpired(10), 1);
      assert.equal(await tx.sessions.remove('b'), true);
      assert.equal(await tx.sessions.remove('b'), false);
      await tx.sessions.update('c', { usedAtMs: 99, expiresAtMs: 100 });
      assert.deepEqual(
        (await tx.sessions.listOf('u1')).map((row) => row.idHash),
        ['c', 'd'],
      );
      await tx.sessions.removeOf('u1', 'd');
      assert.deepEqual(
        (await tx.sessions.listOf('u1')).map((row) => row.idHash),
        ['d'],
      );
      await tx.users.remove('u1');
      assert.equal(await tx.sessions.get('d'), null);
    });
  });

  check('tokens are found by their hash and go with their user', async (store) => {
    const token = { id: 't1', hash: 'h1', userId: 'u1', name: 'script', scopes: ['downloads:read'], createdAtMs: 1 };
    await store.write(async (tx) => {
      await tx.users.insert(user('u1', 'anna'));
      await tx.tokens.insert({ ...token, expiresAtMs: null, usedAtMs: null });
      await tx.tokens.update('t1', { usedAtMs: 5 });
      assert.deepEqual(await tx.tokens.byHash('h1'), { ...token, expiresAtMs: null, usedAtMs: 5 });
      assert.equal((await tx.tokens.listOf('u1')).length, 1);
      await tx.users.remove('u1');
      assert.equal(await tx.tokens.get('t1'), null);
      assert.equal(await tx.tokens.remove('t1'), false);
    });
  });

  check('there is one default destination', async (store) => {
    await store.write(async (tx) => {
      assert.equal(await tx.destinations.getDefault(), null);
      await tx.destinations.put({ id: 'd1', kind: 'local', name: 'Here', options: { folder: '/a' }, isDefault: true });
      await tx.destinations.put({ id: 'd2', kind: 'local', name: 'There', options: {}, isDefault: true });
      assert.equal((await tx.destinations.getDefault())?.id, 'd2');
      assert.deepEqual(
        (await tx.destinations.list()).map((row) => row.isDefault),
        [false, true],
      );
      await tx.destinations.remove('d2');
      assert.equal(await tx.destinations.get('d2'), null);
    });
  });

  check('workers come back as they were put', async (store) => {
    const facts = { id: 'w1', name: 'box', version: '1', kinds: ['probe' as const], schemes: ['http:'], registeredAtMs: 1 };
    const known = { labels: ['geo:fr'], wanted: 'work' as const, maxFetches: null, vitals: null };
    const worker = { ...facts, ...known, beat: 2 ** 40 };
    await store.write(async (tx) => {
      await tx.workers.put({ ...worker, state: 'online', seenAtMs: 1 });
      await tx.workers.put({ ...worker, name: 'renamed', state: 'online', seenAtMs: 2 });
      await tx.workers.update('w1', { state: 'lost', seenAtMs: 3, labels: [], wanted: 'drain' });
      const limits = { maxFetches: 3, vitals: sampleVitals };
      await tx.workers.update('w1', limits);
      const changed = { ...worker, name: 'renamed', state: 'lost' as const, labels: [], wanted: 'drain' as const, ...limits };
      assert.deepEqual(await tx.workers.list(), [{ ...changed, seenAtMs: 3 }]);
      await tx.workers.addBeats([{ id: 'w1', seenAtMs: 4 }]);
      assert.deepEqual(await tx.workers.getMany(['w1', 'w2']), [{ ...changed, beat: 2 ** 40 + 1, seenAtMs: 4 }]);
      await tx.workers.remove('w1');
      assert.equal(await tx.workers.get('w1'), null);
    });
  });

  check('a download comes back as it was added, with everything known and with nothing known', async (store) => {
    const full = download('b', {
      kind: 'http',
      options: { name: 'x.iso', connections: 4, checksum: { algorithm: 'sha-256', hex: 'ab' } },
      failure: { code: 'no_space', message: 'The disk is full.', retry: 'later', retryAfterMs: null },
      sizeBytes: 2 ** 45,
      doneBytes: 2 ** 44,
      delivered: [],
      isErased: true,
    });
    await store.write((tx) => tx.downloads.insertMany([download('a'), full]));
    assert.deepEqual(await store.read((tx) => tx.downloads.get('a')), download('a'));
    assert.deepEqual(await store.read((tx) => tx.downloads.get('b')), full);
    assert.equal(await store.read((tx) => tx.downloads.get('c')), null);
    await store.write((tx) => tx.downloads.update('b', { failure: null, delivered: null, isErased: false, options: {} }));
    const changed = { ...full, failure: null, delivered: null, isErased: false, options: {} };
    assert.deepEqual(await store.read((tx) => tx.downloads.getMany(['b', 'zz'])), [changed]);
  });

  check('more downloads than one statement takes are added and removed', async (store) => {
    const ids = Array.from({ length: 2500 }, (_, index) => `id${String(index).padStart(5, '0')}`);
    await store.write((tx) => tx.downloads.insertMany(ids.map((id) => download(id))));
    assert.equal((await store.read((tx) => tx.downloads.getMany(ids))).length, 2500);
    await store.write((tx) => tx.downloads.removeMany(ids));
    assert.equal((await store.read((tx) => tx.downloads.countByState('anna'))).queued, 0);
  });

  check('the list pages newest first, by state, kind and text, and never shows removed or foreign ones', async (store) => {
    await store.write((tx) =>
      tx.downloads.insertMany([
        download('1', { name: 'Alpha 100%.iso', kind: 'http' }),
        download('2', { name: 'ÄRGER_2.zip', state: 'paused' }),
        download('3', { name: 'gamma', link: 'https://anna:secret@example.org/deep/path', kind: 'http' }),
        download('4', { removedAtMs: 5 }),
        download('5', { ownerId: 'bert' }),
      ]),
    );
    const page = (query: object) =>
      store.read(async (tx) => {
        const rows = await tx.downloads.page({ ownerId: 'anna', of: 'list', limit: 10, ...query });
        return rows.map((row) => row.id).join();
      });
    assert.equal(await page({}), '3,2,1');
    assert.equal(await page({ limit: 2 }), '3,2');
    assert.equal(await page({ after: { id: '2', endedAtMs: 0 } }), '1');
    assert.equal(await page({ states: ['paused', 'failed'] }), '2');
    assert.equal(await page({ kind: 'http' }), '3,1');
    assert.equal(await page({ q: 'ärger' }), '2');
    assert.equal(await page({ q: '100%' }), '1');
    assert.equal(await page({ q: '%' }), '1');
    assert.equal(await page({ q: 'r_2' }), '2');
    assert.equal(await page({ q: '\0Alpha' }), '');
    assert.equal(await page({ q: 'DEEP/path' }), '3');
    assert.equal(await page({ q: 'secret' }), '', 'a password is not searched');
    await store.write((tx) => tx.downloads.update('1', { name: 'renamed' }));
    assert.equal(await page({ q: 'renamed' }), '1');
    assert.equal(await page({ q: 'alpha' }), '');
  });

  check('the history pages by the end, newest first', async (store) => {
    await store.write((tx) =>
      tx.downloads.insertMany([
        download('1', { state: 'completed', finishedAtMs: 30 }),
        download('2', { state: 'failed', finishedAtMs: 10 }),
        download('3', { state: 'completed', finishedAtMs: 10 }),
        download('4'),
        download('5', { state: 'cancelled', finishedAtMs: 1, removedAtMs: 40 }),
      ]),
    );
    const page = (query: object) =>
      store.read(async (tx) => {
        const rows = await tx.downloads.page({ ownerId: 'anna', of: 'history', limit: 10, ...query });
        return rows.map((row) => row.id).join();
      });
    assert.equal(await page({}), '5,1,3,2');
    assert.equal(await page({ after: { id: '3', endedAtMs: 10 } }), '2');
    await store.write((tx) => tx.downloads.update('5', { removedAtMs: null }));
    assert.equal(await page({}), '1,3,2,5');
    await store.write((tx) => tx.downloads.update('4', { finishedAtMs: 50 }));
    assert.equal(await page({ limit: 1 }), '4');
  });

  check('text is ordered by its bytes, and any text is kept', async (store) => {
    const ids = ['-1', '1', 'B', 'Z', 'a', 'b', 'é', '\u{1F600}'];
    await store.write(async (tx) => {
      await tx.downloads.insertMany(ids.toReversed().map((id) => download(id)));
      await tx.downloads.update('a', { name: 'zero \0 byte' });
    });
    await store.read(async (tx) => {
      const page = async (after?: string) => {
        const query = { ownerId: 'anna', of: 'list', limit: 10, ...(after && { after: { id: after, endedAtMs: 0 } }) } as const;
        return (await tx.downloads.page(query)).map((row) => row.id);
      };
      assert.deepEqual(await page(), ids.toReversed());
      assert.deepEqual(await page('a'), ['Z', 'B', '1', '-1']);
      assert.match((await tx.downloads.get('a'))?.name ?? '', /^zero . byte$/s);
    });
  });

  check('lists that are empty find nothing', async (store) => {
    await store.write((tx) => tx.downloads.insertMany([download('a')]));
    await store.read(async (tx) => {
      assert.deepEqual(await tx.downloads.getMany([]), []);
      assert.deepEqual(await tx.downloads.page({ ownerId: 'anna', of: 'list', states: [], limit: 10 }), []);
    });
  });

  check('counts are by state, of those not removed', async (store) => {
    await store.write((tx) =>
      tx.downloads.insertMany([
        download('1'),
        download('2'),
        download('3', { state: 'failed', finishedAtMs: 1 }),
        download('4', { removedAtMs: 1 }),
        download('5', { ownerId: 'bert' }),
      ]),
    );
    const counts = await store.read((tx) => tx.downloads.countByState('anna'));
    assert.deepEqual(counts, { queued: 2, active: 0, paused: 0, completed: 0, failed: 1, cancelled: 0 });
    assert.equal(await store.read((tx) => tx.downloads.countUnfinishedTo('d1')), 4);
  });

  check('what is ready is found by its queue: by priority, then position, then age of the download', async (store) => {
    await store.write((tx) =>
      tx.tasks.insertMany([
        task('t1', { downloadId: '3', queue: 'b' }),
        task('t2', { downloadId: '1', queue: 'b' }),
        task('t3', { downloadId: '9', queue: 'b', priority: 5 }),
        task('t4', { downloadId: '8', queue: 'b', position: -1 }),
        task('t5', { downloadId: '4', queue: 'a' }),
        task('t6', { downloadId: '5', queue: 'c', status: 'waiting', runnableAtMs: 100 }),
        task('t7', { downloadId: '6', queue: 'd', status: 'leased', workerId: 'w1', epoch: 3, leasedAtMs: 1 }),
      ]),
    );
    await store.read(async (tx) => {
      assert.deepEqual(await tx.tasks.readyQueues([{ from: '', to: '~' }]), ['a', 'b']);
      const some = [
        { from: '', to: 'b' },
        { from: 'b0', to: 'c' },
      ];
      assert.deepEqual(await tx.tasks.readyQueues(some), ['a'], 'the end of a range is not in it');
      assert.deepEqual(await tx.tasks.readyQueues([{ from: 'b', to: 'b0' }]), ['b']);
      assert.deepEqual(await tx.tasks.readyQueues([]), []);
      const heads = async (queues: string[], limitEach: number) =>
        (await tx.tasks.heads(queues, limitEach)).map((row) => row.id).join();
      assert.equal(await heads(['b'], 10), 't3,t4,t2,t1');
      assert.deepEqual((await heads(['b', 'a', 'c'], 2)).split(',').sort(), ['t3', 't4', 't5']);
      assert.equal(await heads([], 2), '');
    });
  });

  check('names of queues compare by their bytes', async (store) => {
    const names = ['a B', 'a a', 'a-b', 'a ä', 'B a', 'deliver @w1 anna', 'deliver https: anna'];
    await store.write((tx) => tx.tasks.insertMany(names.map((queue, index) => task(`t${index}`, { queue }))));
    await store.read(async (tx) => {
      assert.deepEqual(
        await tx.tasks.readyQueues([{ from: '', to: '~' }]),
        names.toSorted((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
      );
      assert.deepEqual(
        (await tx.tasks.pinned()).map((row) => row.id),
        ['t5'],
        'only those that one worker may take are pinned',
      );
    });
  });

  check('tasks are found by the time they are due, and by the room they need', async (store) => {
    await store.write((tx) =>
      tx.tasks.insertMany([
        task('t1', { downloadId: '1', status: 'waiting', runnableAtMs: 200 }),
        task('t2', { downloadId: '3', status: 'waiting', runnableAtMs: 100, neededBytes: 2 ** 40, roomFromMs: 5 }),
        task('t3', { downloadId: '2', status: 'ready', runnableAtMs: 150, neededBytes: 1 }),
        task('t4', { downloadId: '4' }),
      ]),
    );
    const ids = (rows: TaskRow[]) => rows.map((row) => row.id).join();
    await store.read(async (tx) => {
      assert.equal(ids(await tx.tasks.due(99, 10)), '');
      assert.equal(ids(await tx.tasks.due(200, 10)), 't2,t3,t1');
      assert.equal(ids(await tx.tasks.due(200, 1)), 't2');
      assert.equal(ids(await tx.tasks.waitingForRoom(10)), 't3,t2');
      assert.equal((await tx.tasks.waitingForRoom(10))[1]?.neededBytes, 2 ** 40);
      assert.equal(ids(await tx.tasks.unclaimed('', 10)), 't3,t4');
      assert.equal(ids(await tx.tasks.unclaimed('', 1)), 't3');
      assert.equal(ids(await tx.tasks.unclaimed('t3', 10)), 't4');
    });
  });

  check('what is leased is found by its worker and counted by worker, owner and host', async (store) => {
    const leased = { status: 'leased', workerId: 'w1' } as const;
    await store.write((tx) =>
      tx.tasks.insertMany([
        task('t1', { ...leased, downloadId: '1', host: 'a' }),
        task('t2', { ...leased, downloadId: '2', host: 'a' }),
        task('t3', { ...leased, downloadId: '3', host: null, ownerId: 'bert' }),
        task('t4', { ...leased, downloadId: '4', kind: 'probe' }),
        task('t5', { ...leased, downloadId: '5', host: 'a', workerId: 'w2' }),
        task('t6', { downloadId: '6' }),
      ]),
    );
    await store.read(async (tx) => {
      const counted = (await tx.tasks.fetching()).map(({ workerId, ownerId, host, count }) =>
        [workerId, ownerId, host, count].join(),
      );
      assert.deepEqual(counted.sort(), ['w1,anna,a,2', 'w1,bert,,1', 'w2,anna,a,1']);
      assert.equal((await tx.tasks.leased()).length, 5);
      assert.deepEqual((await tx.tasks.leasedBy('w1')).map((row) => row.id).sort(), ['t1', 't2', 't3', 't4']);
      assert.deepEqual(
        (await tx.tasks.leasedCounts()).sort((a, b) => a.count - b.count),
        [
          { workerId: 'w2', count: 1 },
          { workerId: 'w1', count: 4 },
        ],
      );
      assert.deepEqual(
        (await tx.tasks.getMany(['t5', 'zz'])).map((row) => row.id),
        ['t5'],
      );
    });
  });

  check('held tasks are found by their host, the first of each queue', async (store) => {
    const held = { status: 'held' } as const;
    await store.write((tx) =>
      tx.tasks.insertMany([
        task('t1', { ...held, downloadId: '1', host: 'a', queue: 'x' }),
        task('t2', { ...held, downloadId: '2', host: 'a', queue: 'x', priority: 1 }),
        task('t3', { ...held, downloadId: '3', host: 'a', queue: 'y' }),
        task('t4', { ...held, downloadId: '4', host: 'b', queue: 'x' }),
        task('t5', { downloadId: '5', host: 'c', queue: 'x' }),
      ]),
    );
    await store.read(async (tx) => {
      assert.deepEqual(await tx.tasks.heldHosts(), ['a', 'b']);
      assert.deepEqual((await tx.tasks.heldHeads('a', 1)).map((row) => row.id).sort(), ['t2', 't3']);
      assert.deepEqual((await tx.tasks.heldHeads('a', 9)).map((row) => row.id).sort(), ['t1', 't2', 't3']);
      assert.deepEqual(await tx.tasks.heldHeads('c', 9), []);
    });
  });

  check('shares of users are remembered', async (store) => {
    await store.write(async (tx) => {
      await tx.shares.putMany([
        { account: 'anna', virtualTime: 1.5 },
        { account: 'bert', virtualTime: 2 },
      ]);
      await tx.shares.putMany([{ account: 'anna', virtualTime: 1 / 3 }]);
      await tx.shares.putMany([]);
      assert.deepEqual(await tx.shares.getMany(['anna', 'nobody']), [{ account: 'anna', virtualTime: 1 / 3 }]);
    });
  });

  check('a task changes and goes', async (store) => {
    const erase = { files: [], destinationId: 'd1' };
    await store.write(async (tx) => {
      await tx.tasks.insertMany([task('t1'), task('t2', { kind: 'erase', scheme: null, erase })]);
      await tx.tasks.update('t1', { status: 'leased', workerId: 'w1', epoch: 2 ** 33, order: 'stop' });
      assert.deepEqual(
        await tx.tasks.ofDownload('1'),
        task('t1', { status: 'leased', workerId: 'w1', epoch: 2 ** 33, order: 'stop' }),
      );
      assert.deepEqual((await tx.tasks.eraseOf('1'))?.erase, erase);
      await tx.tasks.remove('t1');
      assert.equal(await tx.tasks.get('t1'), null);
      assert.equal(await tx.tasks.ofDownload('1'), null);
    });
  });

  check('attachments are of one kind each, found by kind and by removal, and go with their download', async (store) => {
    await store.write(async (tx) => {
      await tx.downloads.insertMany([download('a'), download('b', { removedAtMs: 10 }), download('c', { removedAtMs: 20 })]);
      const rows = ['a', 'b', 'c'].map((downloadId) => ({ downloadId, kind: 'secrets' as const, body: 'old' }));
      await tx.attachments.putMany(rows);
      await tx.attachments.putMany([
        { downloadId: 'a', kind: 'secrets', body: 'new' },
        { downloadId: 'a', kind: 'unsealed', body: 'other' },
      ]);
      assert.equal(await tx.attachments.get('a', 'secrets'), 'new');
      assert.equal(await tx.attachments.get('b', 'unsealed'), null);
      assert.deepEqual(await tx.attachments.listOf('unsealed'), [{ downloadId: 'a', kind: 'unsealed', body: 'other' }]);
      assert.deepEqual(await tx.attachments.ofRemoved('secrets', 20, 10), ['b']);
      assert.deepEqual(await tx.attachments.ofRemoved('secrets', 21, 1), ['b']);
      await tx.attachments.remove('a', 'secrets');
      assert.equal(await tx.attachments.get('a', 'secrets'), null);
      await tx.attachments.remove('a');
      assert.equal(await tx.attachments.get('a', 'unsealed'), null);
      await tx.downloads.removeMany(['b', 'c']);
      assert.equal(await tx.attachments.get('c', 'secrets'), null);
    });
  });

  check('an attempt is written once and goes with its download', async (store) => {
    const attempt = {
      taskId: 't1',
      epoch: 1,
      downloadId: 'a',
      kind: 'fetch',
      workerId: 'w1',
      outcome: 'fetched',
      stage: 'As asked',
      message: null,
    } as const;
    const row = { ...attempt, startedAtMs: 1, finishedAtMs: 2 };
    await store.write((tx) => tx.attempts.insert(row));
    await assert.rejects(store.write((tx) => tx.attempts.insert(row)));
    await store.write(async (tx) => {
      assert.deepEqual(await tx.attempts.get('t1', 1), row);
      assert.equal(await tx.attempts.get('t1', 2), null);
      assert.deepEqual(await tx.attempts.listOf('a'), [row]);
      await tx.downloads.removeMany(['a']);
      assert.equal(await tx.attempts.get('t1', 1), null);
    });
  });

  check('attempts of downloads that are gone are forgotten by age', async (store) => {
    const attempt = {
      epoch: 1,
      kind: 'erase',
      workerId: 'w1',
      outcome: 'erased',
      stage: null,
      message: null,
      startedAtMs: 1,
    } as const;
    await store.write(async (tx) => {
      await tx.downloads.insertMany([download('a')]);
      await tx.attempts.insert({ ...attempt, taskId: 't1', downloadId: 'a', finishedAtMs: 1 });
      await tx.attempts.insert({ ...attempt, taskId: 't2', downloadId: 'gone', finishedAtMs: 1 });
      await tx.attempts.insert({ ...attempt, taskId: 't3', downloadId: 'gone', finishedAtMs: 9 });
      assert.deepEqual(await tx.attempts.prune(5, 1, null), { taskId: 't1', epoch: 1 }, 'there is more to look at');
      assert.ok(await tx.attempts.get('t2', 1), 'it was not looked at yet');
      assert.equal(await tx.attempts.prune(5, 10, { taskId: 't1', epoch: 1 }), null);
      assert.equal(await tx.attempts.get('t2', 1), null);
      assert.ok((await tx.attempts.get('t1', 1)) && (await tx.attempts.get('t3', 1)));
    });
  });

  check('events have numbers without gaps in the order of commits, also when one of the writes fails', async (store) => {
    const append = (message: string, fail = false) =>
      store.write(async (tx) => {
        const [first] = await tx.events.append([event({ message }), event({ message })]);
        if (fail) throw new Error('no');
        return first?.sequence;
      });
    const results = await Promise.allSettled([append('a'), append('b', true), append('c')]);
    assert.deepEqual(
      results.map((result) => (result.status === 'fulfilled' ? result.value : null)),
      [1, null, 3],
    );
    const events = await store.read((tx) => tx.events.after('anna', 0, 10));
    assert.deepEqual(
      events.map(({ sequence, message }) => [sequence, message]),
      [
        [1, 'a'],
        [2, 'a'],
        [3, 'c'],
        [4, 'c'],
      ],
    );
    assert.equal(await store.read((tx) => tx.events.lastSequence()), 4);
  });

  check("events are the owner's and everybody's, after a sequence", async (store) => {
    await store.write((tx) =>
      tx.events.append([
        event({ ownerId: 'anna', downloadId: 'a', data: { state: 'queued' } }),
        event({ ownerId: 'bert', downloadId: 'b' }),
        event({ ownerId: null, downloadId: null, name: 'worker.online' }),
      ]),
    );
    await store.read(async (tx) => {
      assert.deepEqual(
        (await tx.events.after('anna', 0, 10)).map((row) => row.sequence),
        [1, 3],
      );
      assert.deepEqual(
        (await tx.events.after('anna', 1, 10)).map((row) => row.sequence),
        [3],
      );
      assert.deepEqual(
        (await tx.events.after('anna', 0, 1)).map((row) => row.sequence),
        [1],
      );
      assert.deepEqual((await tx.events.ofDownload('a'))[0]?.data, { state: 'queued' });
    });
  });

  check('old events of forgotten downloads are pruned, and it is known up to where', async (store) => {
    await store.write(async (tx) => {
      await tx.downloads.insertMany([download('a')]);
      await tx.events.append([
        event({ downloadId: 'a', atMs: 1 }),
        event({ downloadId: 'gone', atMs: 1 }),
        event({ downloadId: null, atMs: 1 }),
        event({ downloadId: 'gone', atMs: 9 }),
      ]);
      assert.equal(await tx.events.prunedSequence(), 0);
      assert.equal(await tx.events.prune(5, 2, 0), 2, 'there is more to look at');
      assert.equal(await tx.events.prunedSequence(), 2);
      assert.equal(await tx.events.prune(5, 2, 2), null, 'the rest is younger');
      assert.equal(await tx.events.prunedSequence(), 3);
      assert.equal(await tx.events.prune(5, 100, 0), null);
      assert.equal(await tx.events.prunedSequence(), 3);
      assert.deepEqual(
        (await tx.events.after('anna', 0, 10)).map((row) => row.sequence),
        [1, 4],
      );
      assert.equal(await tx.events.lastSequence(), 4);
    });
  });

  check('keys of submissions belong to an owner and are forgotten by age', async (store) => {
    await store.write(async (tx) => {
      await tx.submissions.put({ ownerId: 'anna', key: 'k', results: [{ id: '1' }, { problem: 'No.' }], bornHour: 10 });
      assert.deepEqual((await tx.submissions.get('anna', 'k'))?.results, [{ id: '1' }, { problem: 'No.' }]);
      assert.equal(await tx.submissions.get('bert', 'k'), null);
      assert.equal(await tx.submissions.removeBefore(10), 0);
      assert.equal(await tx.submissions.removeBefore(11), 1);
      assert.equal(await tx.submissions.get('anna', 'k'), null);
    });
  });

  check('what workers said is kept with a download, the newest of it, and goes with it', async (store) => {
    const said = (id: string, downloadId: string, count: number) => {
      const lines = Array.from({ length: count }, (_, index) => ({
        atMs: index,
        level: 'debug' as const,
        message: `${id} ${index}`,
      }));
      return { id, downloadId, taskId: 't', epoch: 2 ** 40, workerId: 'w', lines };
    };
    const idsOf = async (downloadId: string) => (await store.read((tx) => tx.logs.ofDownload(downloadId))).map((row) => row.id);
    await store.write(async (tx) => {
      await tx.downloads.insertMany([download('a'), download('b')]);
      await tx.logs.appendMany([said('1', 'a', 4), said('2', 'b', 9), said('3', 'a', 4)], 10);
    });
    const [first] = await store.read((tx) => tx.logs.ofDownload('a'));
    assert.deepEqual(first, said('1', 'a', 4));
    assert.deepEqual(await idsOf('a'), ['1', '3']);
    await store.write((tx) => tx.logs.appendMany([said('4', 'a', 4)], 10));
    assert.deepEqual([await idsOf('a'), await idsOf('b')], [['3', '4'], ['2']]);
    await store.write((tx) => tx.downloads.removeMany(['a']));
    assert.deepEqual([await idsOf('a'), await idsOf('b')], [[], ['2']]);
  });

  check('downloads and tasks of all owners are counted by what they are', async (store) => {
    await store.write(async (tx) => {
      await tx.downloads.insertMany([
        download('a', { state: 'queued' }),
        download('b', { state: 'queued', ownerId: 'bert' }),
        download('c', { state: 'failed', removedAtMs: 1 }),
      ]);
      await tx.tasks.insertMany([task('1', { status: 'ready' }), task('2', { status: 'leased', downloadId: 'b' })]);
      const counts = await tx.downloads.countAll();
      assert.deepEqual([counts.queued, counts.failed], [2, 0]);
      const counted = await tx.tasks.countAll();
      assert.deepEqual(counted.map(({ status, count }) => `${status} ${count}`).sort(), ['leased 1', 'ready 1']);
    });
  });

  check('sums by day add up by owner, kind and name, the greatest first', async (store) => {
    const key = (day: string, name: string, ownerId = 'anna') => ({ ownerId, kind: 'host' as const, day, name });
    await store.write(async (tx) => {
      await tx.daily.add(key('2026-01-01', 'a'), { completed: 1, deliveredBytes: 2 ** 40 });
      await tx.daily.add(key('2026-01-02', 'a'), { completed: 1, deliveredBytes: 1 });
      await tx.daily.add(key('2026-01-02', 'b'), { failed: 1 });
      await tx.daily.add(key('2026-01-02', 'c'), { failed: 1, retries: 1 });
      await tx.daily.add(key('2026-01-02', 'a', 'bert'), { completed: 5 });
      await tx.daily.add({ ownerId: 'anna', kind: 'all', day: '2026-01-02', name: '' }, { completed: 1, fetchedBytes: 3 });
      await tx.daily.add({ ownerId: 'anna', kind: 'all', day: '2026-01-02', name: '' }, { completed: 1, fetchedBytes: 4 });
    });
    await store.read(async (tx) => {
      const hosts = await tx.daily.byName('anna', 'host', '2026-01-01', 10);
      assert.deepEqual(
        hosts.map(({ name }) => name),
        ['a', 'c', 'b'],
      );
      const sums = { completed: 2, failed: 0, retries: 0, fetchedBytes: 0, deliveredBytes: 2 ** 40 + 1 };
      assert.deepEqual(hosts[0], { name: 'a', ...sums });
      assert.equal((await tx.daily.byName('anna', 'host', '2026-01-02', 1))[0]?.deliveredBytes, 1);
      const [day, ...more] = await tx.daily.byDay('anna', '2026-01-01');
      assert.deepEqual([day?.day, day?.completed, day?.fetchedBytes, more.length], ['2026-01-02', 2, 7, 0]);
    });
  });

  check('what transactions note is in the sums by day once it is settled', async (store) => {
    const key = (name: string) => ({ ownerId: 'anna', kind: 'host' as const, day: '2026-01-01', name });
    const sums = async () =>
      (await store.read((tx) => tx.daily.byName('anna', 'host', '', 9))).map((row) => [row.name, row.completed]);
    for (let index = 0; index < 3; index++) {
      await store.write(async (tx) => {
        await tx.daily.note(key('a'), { completed: 1, deliveredBytes: 2 ** 40 });
        await tx.daily.note(key('b'), { failed: 1 });
        await tx.daily.note(key('a'), { completed: index });
      });
    }
    const fails = store.write(async (tx) => {
      await tx.daily.note(key('c'), { completed: 1 });
      throw new Error('on purpose');
    });
    await assert.rejects(fails, /on purpose/);
    assert.deepEqual(await sums(), []);
    assert.deepEqual(await store.read((tx) => Promise.all([3, 4].map((count) => tx.daily.hasNotes(count)))), [true, false]);
    assert.equal(await store.write((tx) => tx.daily.settle(2)), true);
    assert.deepEqual(await sums(), [
      ['a', 3],
      ['b', 0],
    ]);
    assert.equal(await store.write((tx) => tx.daily.settle(2)), false);
    assert.equal(await store.read((tx) => tx.daily.hasNotes(1)), false);
    const [first] = await store.read((tx) => tx.daily.byName('anna', 'host', '', 9));
    assert.deepEqual(first, { name: 'a', completed: 6, failed: 0, retries: 0, fetchedBytes: 0, deliveredBytes: 3 * 2 ** 40 });
  });

  check('a day with very many names keeps the greatest, and the sum of the others', async (store) => {
    const day = { ownerId: 'anna', kind: 'host' as const, day: '2026-01-02' };
    await store.write(async (tx) => {
      for (let index = 0; index < 9; index++) {
        await tx.daily.add({ ...day, name: `h${index}` }, { completed: 1, deliveredBytes: index });
      }
    });
    await store.write(async (tx) => {
      assert.deepEqual(await tx.daily.crowded('host', '2026-01-01', 9), []);
      assert.deepEqual(await tx.daily.crowded('host', '2026-01-03', 1), []);
      assert.deepEqual(await tx.daily.crowded('host', '2026-01-01', 8), [{ ownerId: 'anna', day: '2026-01-02' }]);
      await tx.daily.fold(day, 2, '*');
      await tx.daily.fold(day, 2, '*');
    });
    const hosts = await store.read((tx) => tx.daily.byName('anna', 'host', '2026-01-01', 10));
    assert.deepEqual(
      hosts.map(({ name, completed, deliveredBytes }) => [name, completed, deliveredBytes]),
      [
        ['*', 7, 21],
        ['h8', 1, 8],
        ['h7', 1, 7],
      ],
    );
  });

  check('totals only grow', async (store) => {
    await store.write(async (tx) => {
      assert.deepEqual(await tx.totals.get('anna'), { fetchedBytesTotal: 0, completedTotal: 0, failedTotal: 0 });
      await tx.totals.add('anna', { fetchedBytesTotal: 2 ** 40, completedTotal: 1 });
      await tx.totals.add('anna', { fetchedBytesTotal: 1, failedTotal: 2 });
      assert.deepEqual(await tx.totals.get('anna'), { fetchedBytesTotal: 2 ** 40 + 1, completedTotal: 1, failedTotal: 2 });
    });
  });

  check('only what is fetched beyond its hours is to stop', async (store) => {
    await store.write(async (tx) => {
      const fetching = { state: 'active', phase: 'fetch', stopAtMs: 10 } as const;
      await tx.downloads.insertMany([
        download('a', fetching),
        download('b', { ...fetching, stopAtMs: 11 }),
        download('c', { ...fetching, phase: 'deliver' }),
        download('d', { stopAtMs: 5 }),
        download('e', { ...fetching, stopAtMs: null }),
      ]);
      assert.deepEqual(
        (await tx.downloads.toStop(10, 5)).map(({ id }) => id),
        ['a'],
      );
      assert.equal((await tx.downloads.toStop(11, 1)).length, 1);
      await tx.downloads.update('a', { stopAtMs: 12 });
      assert.equal((await tx.downloads.toStop(10, 5)).length, 0);
    });
  });

  check('the trash is a part of the history, and gives up what is due, the oldest first', async (store) => {
    await store.write(async (tx) => {
      const removed = { state: 'completed', finishedAtMs: 1, removedAtMs: 2 } as const;
      await tx.downloads.insertMany([
        download('a', { ...removed, eraseAtMs: 20 }),
        download('b', { ...removed, eraseAtMs: 10 }),
        download('c', removed),
        download('d', { ...removed, eraseAtMs: 21 }),
      ]);
      const page = await tx.downloads.page({ ownerId: 'anna', of: 'history', isTrash: true, limit: 9 });
      assert.deepEqual(
        page.map(({ id }) => id),
        ['d', 'b', 'a'],
      );
      const due = await tx.downloads.toErase(20, 9);
      assert.deepEqual(
        due.map(({ id }) => id),
        ['b', 'a'],
      );
      assert.equal((await tx.downloads.toErase(20, 1)).length, 1);
      await tx.downloads.update('b', { eraseAtMs: null, isErased: true });
      assert.equal((await tx.downloads.toErase(20, 9)).length, 1);
    });
  });

  check('what worked for a host is remembered by user, kind and host, replaced, and forgotten by age', async (store) => {
    await store.write(async (tx) => {
      const row = { ownerId: 'anna', kind: 'http', host: 'a.example', stage: 'Browser', atMs: 2 ** 41 };
      await tx.stageMemory.put(row);
      await tx.stageMemory.put({ ...row, kind: 'ftp', stage: 'Slow', atMs: 5 });
      await tx.stageMemory.put({ ...row, stage: 'Phone' });
      assert.deepEqual(await tx.stageMemory.get('anna', 'http', 'a.example'), { ...row, stage: 'Phone' });
      assert.equal(await tx.stageMemory.get('anna', 'http', 'b.example'), null);
      assert.equal(await tx.stageMemory.get('bert', 'http', 'a.example'), null);
      assert.equal(await tx.stageMemory.removeBefore(6), 1);
      assert.equal(await tx.stageMemory.get('anna', 'ftp', 'a.example'), null);
      await tx.stageMemory.remove('anna', 'http', 'a.example');
      assert.equal(await tx.stageMemory.get('anna', 'http', 'a.example'), null);
    });
  });
}

async function putPair(tx: Transaction, value: number): Promise<void> {
  await tx.meta.put('left', String(value));
  await tx.meta.put('right', String(value));
}

function user(id: string, name: string) {
  return { id, name, role: 'admin' as const, passwordHash: 'hash', createdAtMs: 1, ...noUserLimits };
}

export { download as sampleDownload, task as sampleTask };

function download(id: string, change: Partial<StoredDownload> = {}): StoredDownload {
  return {
    id,
    ownerId: 'anna',
    link: 'https://example.org/file',
    kind: null,
    name: 'file',
    state: 'queued',
    phase: null,
    reason: 'slot',
    retryAtMs: null,
    options: {},
    destinationId: 'd1',
    resolution: null,
    sizeBytes: null,
    doneBytes: 0,
    attempt: 1,
    failure: null,
    createdAtMs: 1,
    startedAtMs: null,
    finishedAtMs: null,
    removedAtMs: null,
    priority: 0,
    climb: null,
    tries: 0,
    bestBytes: 0,
    position: 0,
    queuedAtMs: 1,
    stopAtMs: null,
    homeWorkerId: null,
    fetched: null,
    delivered: null,
    isErased: false,
    eraseAtMs: null,
    secrets: 'none',
    ...change,
  };
}

function task(id: string, change: Partial<TaskRow> = {}): TaskRow {
  return {
    id,
    downloadId: '1',
    ownerId: 'anna',
    kind: 'fetch',
    status: 'ready',
    queue: 'fetch http: anna',
    priority: 0,
    position: 0,
    scheme: 'http:',
    host: 'example.org',
    pinnedWorkerId: null,
    runnableAtMs: null,
    neededBytes: null,
    roomFromMs: null,
    epoch: 0,
    workerId: null,
    leasedAtMs: null,
    order: null,
    erase: null,
    createdAtMs: 1,
    ...change,
  };
}

const sampleVitals: Vitals = {
  mostFetches: 16,
  cpuShare: 0.5,
  load: null,
  memoryTotalBytes: 2 ** 40,
  memoryFreeBytes: 1,
  diskTotalBytes: null,
  diskFreeBytes: null,
  temperatureCelsius: null,
  temperatureProblem: 'no_sensor',
  speedBytesPerSecond: 0,
};

function event(change: Partial<NewEvent> = {}): NewEvent {
  return { name: 'download.queued', atMs: 1, downloadId: 'a', ownerId: 'anna', message: 'Added.', data: {}, ...change };
}
