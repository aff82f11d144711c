/**
 * A whole download as `get` does it, cut at every single step of the file layer: by a kill, and by a power cut after which
 * everything that was not flushed is gone, or any part of it in any order. What is found then is gone on with. The file is the
 * right one every time, and no journal ever claims a byte that is not there.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { ByteSession } from '#core/source.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { createFakeRandom } from '#testing/fake-random.ts';
import { MemoryFiles } from '#testing/memory-files.ts';
import {
  type Contents,
  createContents,
  createScriptedServer,
  type Manner,
  noDigester,
  plainManner,
} from '#testing/scripted-server.ts';
import { firstSeed } from '#testing/seed.ts';
import { Fetch } from './fetch-file.ts';
import { Journal, journalSuffix } from './journal.ts';
import { findLeftBehind } from './left-behind.ts';
import { smallBytes } from './place.ts';
import { Room } from './room.ts';
import { Unfinished } from './unfinished.ts';

const folder = '/files';
const link = new URL('http://files.example/file.bin');
const large = createContents(smallBytes + 50_000);

/** Power cuts by chance at each step. */
const luckyCuts = Number(process.env.FLOTILLA_CUTS ?? 2);

type World = {
  contents: Contents;
  /** Of the first run, by the number of the connection. */
  first: (connection: number, nowMs: number) => Manner;
  /** Of the run after the cut; the fastest there is. */
  later: Partial<Manner>;
  scratch?: string;
  /** An earlier run was killed after so long. */
  earlier?: { manner: Manner; patienceMs: number };
};

const plain = () => plainManner;
const worlds: Record<string, World> = {
  'a large file over several connections': { contents: large, first: plain, later: {} },
  'a small file': { contents: createContents(100_000), first: plain, later: {} },
  'a file of no bytes': { contents: createContents(0), first: plain, later: {} },
  'a file whose size nobody knows': {
    contents: createContents(300_000),
    first: () => ({ ...plainManner, hasSize: false, resumes: false, bytesPerSecond: 200_000 }),
    later: { hasSize: false, resumes: false },
  },
  'a file that changes on the server, and later changes back': {
    contents: large,
    first: (connection) => ({ ...plainManner, version: connection < 3 ? 1 : 2 }),
    later: { version: 1 },
  },
  'a server that stops sending parts, and has another version later': {
    contents: large,
    first: (_connection, nowMs) =>
      nowMs < 5500 ? { ...plainManner, lastsMs: 2000 } : { ...plainManner, resumes: false, bytesPerSecond: 2e6 },
    later: { version: 2 },
  },
  'what an earlier run left of another version, which comes back': {
    contents: large,
    earlier: { manner: plainManner, patienceMs: 6000 },
    first: () => ({ ...plainManner, version: 2 }),
    later: {},
  },
  'what an earlier run left of the same version': {
    contents: large,
    earlier: { manner: plainManner, patienceMs: 6000 },
    first: plain,
    later: {},
  },
  'a scratch folder': { contents: large, first: plain, later: {}, scratch: '/scratch' },
};

describe(`every cut (seed ${firstSeed})`, () => {
  for (const [name, world] of Object.entries(worlds)) {
    test(name, { timeout: 120_000 }, async (t) => {
      const steps = await cutEverywhere(world);
      t.diagnostic(`${steps} steps, each cut ${luckyCuts + 2} times`);
      assert.ok(steps > 5);
    });
  }
});

type Cut = { files: MemoryFiles; how: string; isKill: boolean };

/** Runs the download once and looks at what each of its steps would leave; returns how many there were. */
async function cutEverywhere(world: World): Promise<number> {
  const random = createFakeRandom(firstSeed);
  const cuts: Cut[] = [];
  let steps = 0;
  const files = await afterEarlier(world);
  files.onStep = (step) => {
    steps++;
    const how = `step ${steps}, ${step}`;
    cuts.push({ files: files.imageAfter({ power: true }), how: `${how}: killed`, isKill: true });
    cuts.push({ files: files.imageAfter({ power: false }), how: `${how}: power cut`, isKill: false });
    for (let luck = 0; luck < luckyCuts; luck++)
      cuts.push({ files: files.imageAfter({ power: false, random }), how: `${how}: power cut, luck ${luck}`, isKill: false });
  };
  const isDone = await download(world, files, world.first, async () => {
    // Their pictures are large: no more of them at once than one moment brings.
    for (const cut of cuts.splice(0)) await goOn(world, cut);
  });
  assert.ok(isDone, 'it comes to an end');
  for (const cut of cuts.splice(0)) await goOn(world, cut);
  return steps;
}

async function afterEarlier(world: World): Promise<MemoryFiles> {
  const files = new MemoryFiles();
  if (world.earlier === undefined) return files;
  const { manner, patienceMs } = world.earlier;
  const isThere = await download(
    world,
    files,
    () => manner,
    async () => {},
    patienceMs,
  );
  assert.equal(isThere, false, 'the earlier run was killed');
  return files.crash({ power: true });
}

async function goOn(world: World, { files, how, isKill }: Cut): Promise<void> {
  try {
    await checkJournals(world, files);
    const manner = { ...plainManner, bytesPerSecond: 1e9, ...world.later };
    await download(
      world,
      files,
      () => manner,
      async () => {},
    );
    const finished = files.paths.filter((path) => !/\.part$|\.journal|\.new$/.test(path));
    assert.ok(finished.length > 0);
    for (const path of finished) assert.ok(isSomeVersion(world, files.bytesOf(path)), `${path} is of no single version`);
    if (isKill) assert.deepEqual(files.paths, [`${folder}/file.bin`], 'nothing else is left');
  } catch (error) {
    throw new Error(`${how} (seed ${firstSeed})`, { cause: error });
  }
}

/** No byte that a journal claims may be wrong: it would be believed. */
async function checkJournals(world: World, files: MemoryFiles): Promise<void> {
  for (const path of files.paths.filter((path) => path.endsWith(journalSuffix))) {
    const found = await Journal.find(files, path);
    if (found === null || found.sizeBytes === null) continue;
    const bytes = Buffer.from(files.bytesOf(path.slice(0, -journalSuffix.length)));
    // One that has its name already is not looked for under the old one.
    if (bytes.length !== found.sizeBytes) continue;
    const content = world.contents(Number(/\d+/.exec(found.validator.etag ?? '')?.[0]));
    for (const [startByte, endByte] of found.ranges.toArray()) {
      const isThere = bytes.subarray(startByte, endByte).equals(content.subarray(startByte, endByte));
      assert.ok(isThere, `${path} claims bytes ${startByte} to ${endByte}, which are not all there`);
    }
  }
}

function isSomeVersion(world: World, bytes: Uint8Array): boolean {
  return [1, 2].some((version) => world.contents(version).equals(bytes));
}

/** What `get` does with one link, on a clock that runs as fast as it can. `between` is called each time nothing moves. False: not done. */
async function download(
  { contents, scratch = folder }: World,
  files: MemoryFiles,
  manner: World['first'],
  between: () => Promise<void>,
  patienceMs = 600_000,
): Promise<boolean> {
  const clock = createFakeClock();
  const session = createScriptedServer(clock, contents, manner);
  let ended: { error: unknown } | null = null;
  run(files, session, clock, scratch).then(
    () => {
      ended = { error: null };
    },
    (error) => {
      ended = { error };
    },
  );
  for (let passedMs = 0; ended === null; passedMs += 50) {
    if (passedMs >= patienceMs) return false;
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setImmediate(resolve));
    await between();
    clock.advance(50);
  }
  const { error } = ended as { error: unknown };
  if (error !== null) throw error;
  return true;
}

async function run(
  files: MemoryFiles,
  session: () => ByteSession,
  clock: ReturnType<typeof createFakeClock>,
  scratch: string,
): Promise<void> {
  const leftBehind = (await findLeftBehind(files, scratch)).get(link.href) ?? [];
  const unfinished = new Unfinished(
    { files, digester: noDigester, taken: new Set(), leftBehind },
    { link, identity: link.href, folder, scratch, name: null },
  );
  const found = unfinished.find();
  if ((await unfinished.finishedBefore()) !== null) return;
  const share = new Room(files, clock, 0).share();
  const never = new AbortController().signal;
  try {
    const { sizeBytes, digests } = await new Fetch({
      clock,
      random: createFakeRandom(1),
      digester: noDigester,
      link,
      openSession: session,
      firstByte: found?.ranges.contiguousEnd(0) ?? 0,
      limitersOf: () => [],
      options: {
        connections: 3,
        maxTries: 5,
        stallMs: 5000,
        longestWaitMs: 60_000,
        checksum: null,
        alwaysSha256: false,
      },
      place: (facts) => unfinished.place(facts, { share }),
      note() {},
    }).run(never);
    await unfinished.finish(sizeBytes, digests, null, never);
  } finally {
    share.release();
  }
}
