/** Random jobs against a store and against plain maps: both must come to the same, in the middle of a job and after it. */
import assert from 'node:assert/strict';
import type { AttemptRow, Store, StoredDownload, TaskRow, Totals, Transaction } from '#core/store.ts';
import fc from './fast-check.ts';

type Samples = { task(id: string): TaskRow; download(id: string): StoredDownload };

type Rows = {
  tasks: Map<string, TaskRow>;
  downloads: Map<string, StoredDownload>;
  attempts: Map<string, AttemptRow>;
  attachments: Map<string, string>;
  totals: Map<string, Totals>;
  events: string[];
};

/** `at` makes an id: each run has rows of its own in the same database. */
type Model = Rows & { at(name: number | string): string };
/** Does the same to both; what it reads must be the same. */
type Step = (tx: Transaction, model: Model) => Promise<void>;

const noTotals: Totals = { fetchedBytesTotal: 0, completedTotal: 0, failedTotal: 0 };
const sampleAttempt = {
  kind: 'fetch',
  workerId: 'w1',
  outcome: 'fetched',
  stage: null,
  message: null,
  startedAtMs: 1,
} as const;

export async function modelStore(store: Store, samples: Samples): Promise<void> {
  let run = 0;
  const isThrown = fc.integer({ min: 0, max: 4 }).map((number) => number === 0);
  const job = fc.record({ steps: fc.array(steps(samples), { minLength: 1, maxLength: 30, size: 'max' }), isThrown });
  const property = fc.asyncProperty(fc.array(job, { minLength: 1, maxLength: 3, size: 'max' }), async (jobs) => {
    const prefix = `${run++}-`;
    const at = (name: number | string) => `${prefix}${name}`;
    let rows = noRows();
    for (const { steps, isThrown } of jobs) {
      const draft = structuredClone(rows);
      const write = store.write(async (tx) => {
        for (const step of steps) await step(tx, { ...draft, at });
        if (isThrown) throw new Error('changed my mind');
      });
      if (isThrown) await assert.rejects(write, /changed my mind/);
      else {
        await write;
        rows = draft;
      }
      await store.read((tx) => compare(tx, { ...rows, at }));
    }
  });
  await fc.assert(property, { numRuns: 80 });
}

/** Everything there is, asked for in lists where there are some. */
async function compare(tx: Transaction, { at, ...rows }: Model): Promise<void> {
  const ids = [0, 1, 2].map(at);
  assert.deepEqual(byId(await tx.tasks.getMany(ids)), byId([...rows.tasks.values()]));
  assert.deepEqual(byId(await tx.tasks.ofDownloads(ids)), byId([...rows.tasks.values()]));
  assert.deepEqual(byId(await tx.downloads.getMany(ids)), byId([...rows.downloads.values()]));
  const events: string[] = [];
  for (const id of ids) {
    assert.deepEqual(await tx.totals.get(id), rows.totals.get(id) ?? noTotals);
    assert.equal(await tx.attachments.get(id, 'secrets'), rows.attachments.get(id) ?? null);
    const attempts = [...rows.attempts.values()].filter(({ downloadId }) => downloadId === id);
    assert.equal((await tx.attempts.listOf(id)).length, attempts.length);
    events.push(...(await tx.events.ofDownload(id)).map(({ downloadId, message }) => `${downloadId} ${message}`));
  }
  assert.deepEqual(events.sort(), rows.events.toSorted());
}

function byId<Row extends { id: string }>(rows: Row[]): Row[] {
  return rows.toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function noRows(): Rows {
  const [tasks, downloads, attempts, attachments, totals] = [new Map(), new Map(), new Map(), new Map(), new Map()];
  return { tasks, downloads, attempts, attachments, totals, events: [] };
}

function steps(samples: Samples): fc.Arbitrary<Step> {
  const id = fc.integer({ min: 0, max: 2 });
  const someIds = fc.uniqueArray(id, { minLength: 1, maxLength: 3 });
  const taskChange: fc.Arbitrary<Partial<TaskRow>> = fc.record(
    {
      status: fc.constantFrom('ready', 'leased'),
      workerId: fc.constantFrom(null, 'w1', 'w2'),
      priority: fc.integer({ min: -5, max: 5 }),
      epoch: fc.maxSafeNat(),
      erase: fc.constantFrom(null, { files: [], destinationId: 'd' }),
    },
    { requiredKeys: [] },
  );
  const downloadChange: fc.Arbitrary<Partial<StoredDownload>> = fc.record(
    {
      name: fc.string(),
      state: fc.constantFrom('queued', 'paused', 'active'),
      sizeBytes: fc.option(fc.maxSafeNat()),
      delivered: fc.constantFrom(null, []),
      isErased: fc.boolean(),
      removedAtMs: fc.option(fc.nat()),
    },
    { requiredKeys: [] },
  );

  const insertTask = fc.tuple(id, id, taskChange).map(
    ([number, download, change]): Step =>
      async (tx, { at, tasks }) => {
        if (tasks.has(at(number))) return;
        const row = { ...samples.task(at(number)), downloadId: at(download), ...change };
        tasks.set(row.id, row);
        await tx.tasks.insertMany([row]);
      },
  );
  const updateTask = fc.tuple(id, taskChange).map(
    ([number, change]): Step =>
      async (tx, { at, tasks }) => {
        const row = tasks.get(at(number));
        if (row) tasks.set(row.id, { ...row, ...change });
        await tx.tasks.update(at(number), change);
      },
  );

  return fc.oneof(
    { arbitrary: insertTask, weight: 4 },
    { arbitrary: updateTask, weight: 4 },
    id.map(
      (number): Step =>
        async (tx, { at, tasks }) => {
          tasks.delete(at(number));
          await tx.tasks.remove(at(number));
        },
    ),
    id.map(
      (number): Step =>
        async (tx, { at, tasks }) => {
          assert.deepEqual(await tx.tasks.get(at(number)), tasks.get(at(number)) ?? null);
        },
    ),
    someIds.map(
      (numbers): Step =>
        async (tx, { at, tasks }) => {
          const wanted = numbers.map(at);
          assert.deepEqual(
            byId(await tx.tasks.getMany(wanted)),
            byId([...tasks.values()].filter(({ id }) => wanted.includes(id))),
          );
        },
    ),
    someIds.map(
      (numbers): Step =>
        async (tx, { at, tasks }) => {
          const wanted = numbers.map(at);
          const expected = [...tasks.values()].filter(({ downloadId }) => wanted.includes(downloadId));
          assert.deepEqual(byId(await tx.tasks.ofDownloads(wanted)), byId(expected));
        },
    ),
    fc.constant<Step>(async (tx, { at, tasks }) => {
      const expected = [...tasks.values()].filter(({ status, workerId }) => status === 'leased' && workerId === 'w1');
      const found = (await tx.tasks.leasedBy('w1')).filter(({ id }) => id.startsWith(at('')));
      assert.deepEqual(byId(found), byId(expected));
    }),
    fc.tuple(id, downloadChange).map(
      ([number, change]): Step =>
        async (tx, { at, downloads }) => {
          if (downloads.has(at(number))) return;
          const row = { ...samples.download(at(number)), ...change };
          downloads.set(row.id, row);
          await tx.downloads.insertMany([row]);
        },
    ),
    fc.tuple(id, downloadChange).map(
      ([number, change]): Step =>
        async (tx, { at, downloads }) => {
          const row = downloads.get(at(number));
          if (row) downloads.set(row.id, { ...row, ...change });
          await tx.downloads.update(at(number), change);
        },
    ),
    someIds.map(
      (numbers): Step =>
        async (tx, { at, downloads }) => {
          const wanted = numbers.map(at);
          const expected = [...downloads.values()].filter(({ id }) => wanted.includes(id));
          assert.deepEqual(byId(await tx.downloads.getMany(wanted)), byId(expected));
        },
    ),
    someIds.map(
      (numbers): Step =>
        async (tx, { at, downloads, attempts, attachments }) => {
          const gone = numbers.map(at);
          for (const download of gone) {
            downloads.delete(download);
            attachments.delete(download);
            for (const [key, row] of attempts) if (row.downloadId === download) attempts.delete(key);
          }
          await tx.downloads.removeMany(gone);
        },
    ),
    fc.tuple(id, id, fc.nat()).map(
      ([number, epoch, finishedAtMs]): Step =>
        async (tx, { at, attempts }) => {
          const key = `${at(number)} ${epoch}`;
          if (attempts.has(key)) return;
          const row: AttemptRow = { ...sampleAttempt, taskId: at(number), epoch, downloadId: at(number), finishedAtMs };
          attempts.set(key, row);
          await tx.attempts.insert(row);
        },
    ),
    fc.tuple(id, id).map(
      ([number, epoch]): Step =>
        async (tx, { at, attempts }) => {
          assert.deepEqual(await tx.attempts.get(at(number), epoch), attempts.get(`${at(number)} ${epoch}`) ?? null);
        },
    ),
    fc.tuple(id, fc.string()).map(
      ([number, body]): Step =>
        async (tx, { at, attachments }) => {
          attachments.set(at(number), body);
          await tx.attachments.putMany([{ downloadId: at(number), kind: 'secrets', body }]);
        },
    ),
    fc.tuple(id, fc.boolean()).map(
      ([number, isOfKind]): Step =>
        async (tx, { at, attachments }) => {
          attachments.delete(at(number));
          await tx.attachments.remove(at(number), isOfKind ? 'secrets' : undefined);
        },
    ),
    id.map(
      (number): Step =>
        async (tx, { at, attachments }) => {
          assert.equal(await tx.attachments.get(at(number), 'secrets'), attachments.get(at(number)) ?? null);
        },
    ),
    fc.tuple(id, fc.nat()).map(
      ([number, count]): Step =>
        async (tx, { at, totals }) => {
          const before = totals.get(at(number)) ?? noTotals;
          totals.set(at(number), { ...before, fetchedBytesTotal: before.fetchedBytesTotal + count });
          await tx.totals.add(at(number), { fetchedBytesTotal: count });
        },
    ),
    id.map(
      (number): Step =>
        async (tx, { at, totals }) => {
          assert.deepEqual(await tx.totals.get(at(number)), totals.get(at(number)) ?? noTotals);
        },
    ),
    id.map(
      (number): Step =>
        async (tx, { at, events }) => {
          const before = await tx.events.lastSequence();
          const download = { downloadId: at(number), ownerId: 'anna', message: `event ${events.length}` };
          const [added] = await tx.events.append([{ name: 'download.noted', atMs: 1, data: {}, ...download }]);
          assert.equal(added?.sequence, before + 1);
          events.push(`${at(number)} ${download.message}`);
        },
    ),
  );
}
