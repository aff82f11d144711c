import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { copyFileSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type GetItem, jsonScreen } from '#cli/get-screen.ts';
import type { Digester } from '#core/digester.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Resolution } from '#core/resolution.ts';
import type { EngineJob, EngineResult, SourceContext } from '#core/source.ts';
import { tempFolder } from '#testing/temp.ts';
import { Room } from '#transfer/room.ts';
import { DigestThread } from '#wire/digests.ts';
import { systemClock, systemFiles } from '#wire/system.ts';
import { type EngineWish, getByEngine } from './by-engine.ts';

const bytes = Buffer.from('what the engine fetched');
const sha256 = createHash('sha256').update(bytes).digest('hex');
const resolution: Resolution = {
  kind: 'made-here',
  name: 'film.bin',
  files: [{ path: 'film.bin', sizeBytes: bytes.length }],
  resumable: null,
  finalUrl: 'magnet:',
  validator: { etag: null, lastModified: null },
  mediaType: null,
  digests: [],
};

/** An engine of one file, which does first what the test wants. */
function setUp(t: TestContext, before: (job: EngineJob, signal: AbortSignal) => unknown = () => {}) {
  const folder = tempFolder(t);
  const lines: string[] = [];
  const run = async (_context: SourceContext, job: EngineJob, signal: AbortSignal): Promise<EngineResult> => {
    await before(job, signal);
    const diskPath = join(job.folder, 'film.bin');
    writeFileSync(diskPath, bytes);
    const facts = { finalUrl: 'magnet:', validator: resolution.validator, fetchedBytes: bytes.length, connections: 1 };
    return { resolution, files: [{ index: 0, path: 'film.bin', sizeBytes: bytes.length, diskPath }], facts };
  };
  const wish: EngineWish = {
    source: { kind: 'made-here', schemes: [], run } as unknown as EngineWish['source'],
    link: new URL('magnet:?xt=1'),
    request: {},
    parameters: {},
    document: null,
    selected: null,
    resolution,
    limitBytesPerSecond: () => null,
    identity: 'magnet:?xt=1',
    folder,
    scratch: folder,
    name: null,
    hasDigests: true,
    checksum: null,
    maxTries: 3,
    longestWaitMs: 1000,
    room: new Room(systemFiles, systemClock, 0),
    untilThereIsRoom: async (_needs, error) => assert.fail(error),
    taken: new Set(),
  };
  const digester = new DigestThread();
  t.after(() => digester.close());
  const item = { link: 'magnet:?xt=1', name: '' } as GetItem;
  const screen = jsonScreen({ write: (line) => lines.push(line) });
  const get = (own: Partial<EngineWish> = {}, hands: Digester = digester) =>
    getByEngine({} as SourceContext, hands, { ...wish, ...own }, item, screen, new AbortController().signal);
  return { folder, lines, digester, get };
}

test('a name that somebody takes at the last moment costs nothing: the file gets the next one', async (t) => {
  const { folder, digester, get } = setUp(t);
  // The checksum is looked at when the name was chosen, and not yet taken.
  const late: Digester = {
    digestPieces: digester.digestPieces.bind(digester),
    close() {},
    follow(...call) {
      if (readdirSync(folder).every((name) => name.startsWith('.')))
        writeFileSync(join(folder, 'film.bin'), 'of somebody else');
      return digester.follow(...call);
    },
  };
  const home = await get({ checksum: { algorithm: 'sha-256', hex: sha256 } }, late);
  assert.equal(home.path, join(folder, 'film (1).bin'));
  assert.ok(readFileSync(home.path).equals(bytes));
  assert.equal(readFileSync(join(folder, 'film.bin'), 'utf8'), 'of somebody else');
  assert.deepEqual(home.verifiedAgainst, [{ algorithm: 'sha-256', hex: sha256 }]);
  assert.deepEqual(readdirSync(folder).sort(), ['film (1).bin', 'film.bin']);
});

test('two runs of one wish at once keep out of each other’s way', async (t) => {
  const { folder, get } = setUp(t);
  const taken = new Set<string>();
  const homes = await Promise.all([get({ taken }), get({ taken })]);
  assert.deepEqual(homes.map(({ path }) => path).sort(), [join(folder, 'film (1).bin'), join(folder, 'film.bin')]);
  for (const { path } of homes) assert.ok(readFileSync(path).equals(bytes));
  assert.equal(taken.size, 0);
});

test('a file that is not what it should be is not kept', async (t) => {
  const { folder, get } = setUp(t);
  await assert.rejects(get({ checksum: { algorithm: 'md5', hex: '0'.repeat(32) } }), { code: 'checksum_mismatch' });
  assert.deepEqual(readdirSync(folder), []);
});

test('a passing fault is tried again, and what cannot be helped leaves nothing behind', async (t) => {
  let runs = 0;
  const { folder, lines, get } = setUp(t, () => {
    if (++runs < 3) throw new FlotillaError('connection_lost', 'The peers went away.');
  });
  assert.ok(readFileSync((await get()).path).equals(bytes));
  assert.equal(lines.filter((line) => /The peers went away\. Try [23] of 3/.test(line)).length, 2);
  runs = 0;
  await assert.rejects(get({ maxTries: 2 }), { code: 'connection_lost' });
  assert.equal(readdirSync(folder).filter((name) => name.startsWith('.')).length, 1, 'what there is, is kept');
  const other = setUp(t, () => {
    throw new FlotillaError('refused', 'No.');
  });
  await assert.rejects(other.get(), { code: 'refused' });
  assert.deepEqual(readdirSync(other.folder), []);
});

test('when the disk fills up the engine is stopped, and goes on when there is room', async (t) => {
  const disk = { disk: 'small', sizeBytes: 2 ** 31, freeBytes: 2 ** 30 };
  const room = new Room({ ...systemFiles, space: async () => ({ ...disk }) }, systemClock, 2 ** 20);
  let runs = 0;
  const { get } = setUp(t, async ({ show }, signal) => {
    show(() => ({ doneBytes: 5, sizeBytes: 100, speedBytesPerSecond: 0, connections: [], ranges: [] }));
    if (++runs > 1) return;
    disk.freeBytes = 0;
    await new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  });
  const home = await get({
    resolution: { ...resolution, files: [{ path: 'film.bin', sizeBytes: 100 * 2 ** 20 }] },
    room,
    async untilThereIsRoom(needs, error, signal) {
      assert.match(error.message, /is full: 0 B free/);
      assert.equal(needs[0]?.bytesToCome(), 95);
      disk.freeBytes = 2 ** 30;
      assert.ok(await room.waitFor(needs, 60_000, signal));
    },
  });
  assert.equal(runs, 2);
  assert.ok(readFileSync(home.path).equals(bytes));
});

test('what was stopped on the way to its name goes on with what is there', async (t) => {
  let runs = 0;
  const { folder, digester, get } = setUp(t, () => runs++);
  const path = join(folder, 'film.bin');
  const checksum = { algorithm: 'sha-256', hex: sha256 } as const;
  const stopped: Digester = {
    digestPieces: digester.digestPieces.bind(digester),
    close() {},
    // The file has its name, and nobody knows it yet.
    follow: (...call) => (call[0] === path ? assert.fail('stopped') : digester.follow(...call)),
  };
  const stop = () => assert.rejects(get({}, stopped), /stopped/);
  const again = async () => {
    assert.equal((await get({ checksum })).path, path);
    assert.ok(readFileSync(path).equals(bytes));
    assert.deepEqual(readdirSync(folder), ['film.bin']);
    rmSync(path);
  };
  await stop();
  await again();
  assert.equal(runs, 1, 'it had its name');

  await stop();
  const [home = ''] = readdirSync(folder).filter((name) => name.startsWith('.'));
  copyFileSync(path, join(folder, home, 'engine', 'film.bin'));
  await again();
  assert.equal(runs, 2, 'it had its name, and its first copy was there still');

  await stop();
  rmSync(path);
  await again();
  assert.equal(runs, 4, 'it was gone');
});
