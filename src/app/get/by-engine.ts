/** `flotilla get` of what a source fetches by itself: torrents, video pages. */
import { createHash } from 'node:crypto';
import { dirname, join } from 'node:path';
import type { GetItem, GetScreen } from '#cli/get-screen.ts';
import { checksumOfSeveral } from '#core/checksum.ts';
import { sleep } from '#core/clock.ts';
import type { Digester } from '#core/digester.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { insideRoot, numberedName, safeName } from '#core/names.ts';
import type { Digest } from '#core/resolution.ts';
import type { EngineFile, EngineJob, EngineResult, Source, SourceContext } from '#core/source.ts';
import { crc32 } from '#lib/crc32.ts';
import { claimRoom, digestsOf, flushFile } from '#transfer/engine-files.ts';
import { Patience } from '#transfer/patience.ts';
import type { Need, Room } from '#transfer/room.ts';
import { verifyDigests } from '#transfer/verify.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';

export type EngineWish = Pick<
  EngineJob,
  'link' | 'request' | 'parameters' | 'document' | 'selected' | 'resolution' | 'limitBytesPerSecond'
> & {
  source: Source;
  /** Tells this wish from others, and is the same in the next run. */
  identity: string;
  /** Where the finished files go, and where unfinished ones lie. */
  folder: string;
  scratch: string;
  /** Given by a person; null: as it is found. */
  name: string | null;
  hasDigests: boolean;
  /** That of the only file. */
  checksum: Digest | null;
  maxTries: number;
  /** More patience is not asked of us. */
  longestWaitMs: number;
  room: Room;
  /** Throws the error when there is none in time. */
  untilThereIsRoom(needs: readonly Need[], error: FlotillaError, signal: AbortSignal): Promise<void>;
  /** Folders that downloads of this call are using. */
  taken: Set<string>;
};

export type EngineHome = { path: string; sizeBytes: number; digests: Digest[]; verifiedAgainst: Digest[]; seconds: number };

/** Kept beside the engine's folder until everything has its name: what is finished, and the name of all of it. */
type Note = { identity: string; result: EngineResult; root: string };

/** One wish on its way into the folder `home`. */
type Fetching = {
  context: SourceContext;
  wish: EngineWish;
  home: string;
  item: GetItem;
  screen: GetScreen;
  signal: AbortSignal;
};

/** Goes on with what an earlier run left. Rejects with what ended it; of what nobody can go on with nothing is left. */
export async function getByEngine(
  context: SourceContext,
  digester: Digester,
  wish: EngineWish,
  item: GetItem,
  screen: GetScreen,
  signal: AbortSignal,
): Promise<EngineHome> {
  const beganMs = clock.mono();
  const home = await openHome(wish);
  try {
    const note = await fetchAll(digester, { context, wish, home, item, screen, signal });
    const delivered = await bringHome(digester, wish, home, note);
    await files.removeFolder(home);
    item.name = note.root;
    const seconds = (clock.mono() - beganMs) / 1000;
    const verifiedAgainst = note.result.files.flatMap((file) => file.verifiedAgainst ?? []);
    const sizeBytes = note.result.files.reduce((sum, file) => sum + file.sizeBytes, 0);
    const digests = delivered.length === 1 ? (delivered[0]?.digests ?? []) : [];
    const path = delivered.length === 1 ? (delivered[0]?.path ?? '') : join(wish.folder, note.root);
    return { path, sizeBytes, digests, verifiedAgainst, seconds };
  } finally {
    wish.taken.delete(home);
  }
}

/** The folder of an earlier run of this wish, or a new one, that no other run is using. */
async function openHome({ scratch, identity, taken }: EngineWish): Promise<string> {
  const key = createHash('sha256').update(identity).digest('hex').slice(0, 16);
  for (let number = 0; ; number++) {
    const home = join(scratch, `.flotilla-${key}${number === 0 ? '' : `-${number}`}`);
    if (taken.has(home)) continue;
    taken.add(home);
    const owner = await files.readText(join(home, 'owner'));
    if (owner !== null && files.isOtherProcess(Number(owner))) {
      taken.delete(home);
      continue;
    }
    await files.makeFolder(home);
    await files.writeText(join(home, 'owner'), String(files.processId));
    return home;
  }
}

async function fetchAll(digester: Digester, fetching: Fetching): Promise<Note> {
  const { wish, home, signal } = fetching;
  try {
    const note = (await recall(digester, home, wish)) ?? (await runEngine(fetching));
    await prove(digester, wish, note);
    return note;
  } catch (error) {
    if (!signal.aborted && toFailure(error).retry === 'never') await files.removeFolder(home);
    throw error;
  }
}

/** Tries again after passing faults. */
async function runEngine({ context, wish, home, item, screen, signal }: Fetching): Promise<Note> {
  const { source, identity, maxTries, longestWaitMs, room, untilThereIsRoom, ...asked } = wish;
  const { run } = source;
  if (run === undefined) throw new Error(`the source ${source.kind} does not fetch by itself`);
  const patience = new Patience({ maxTries, longestWaitMs }, clock, random, ({ message }) => screen.note(item, message));
  const folder = join(home, 'engine');
  let stateOf: Parameters<EngineJob['show']>[0] | null = null;
  const look = () => {
    if (stateOf === null) return;
    const { doneBytes, sizeBytes, speedBytesPerSecond, connections } = stateOf();
    patience.reached(doneBytes);
    Object.assign(item, { doneBytes, sizeBytes, speedBytesPerSecond, connectionCount: connections.length });
  };
  const job: EngineJob = {
    ...asked,
    folder,
    mostBytes: null,
    show(state) {
      stateOf = state;
    },
    note: (_event, message) => screen.note(item, message),
    debug: () => {},
  };
  if (asked.resolution !== null) item.name = asked.resolution.name;
  screen.started(item, 0);
  const ticker = setInterval(look, 250);
  try {
    for (;;) {
      const share = room.share();
      try {
        await files.makeFolder(folder);
        await claimRoom(files, share, wish.scratch, job, () => stateOf?.() ?? null);
        const result = await run(context, job, AbortSignal.any([signal, share.full]));
        for (const { diskPath } of result.files) await flushFile(files, diskPath);
        const note = { identity, result, root: await freeRoot(wish, result) };
        await keep(home, note);
        return note;
      } catch (error) {
        signal.throwIfAborted();
        look();
        share.release();
        if (error instanceof FlotillaError && error.code === 'no_space') await untilThereIsRoom(share.needs, error, signal);
        else await sleep(clock, patience.afterFailure(error), signal);
      } finally {
        share.release();
      }
    }
  } finally {
    clearInterval(ticker);
  }
}

/** Throws unless the only file has the digest that it should have. */
async function prove(digester: Digester, wish: EngineWish, note: Note): Promise<void> {
  const { checksum } = wish;
  if (checksum === null) return;
  const { files: all } = note.result;
  const [only, ...others] = all;
  if (only === undefined || others.length > 0) {
    throw new FlotillaError('link_invalid', checksumOfSeveral(all.length));
  }
  const place = (await placeOf(wish, note, only)) ?? only.diskPath;
  const digests = await digestsOf(digester, place, only.sizeBytes, [checksum.algorithm]);
  only.verifiedAgainst = [...(only.verifiedAgainst ?? []), ...verifyDigests([checksum], digests)];
}

function keep(home: string, note: Note): Promise<void> {
  return files.writeText(join(home, 'result'), JSON.stringify(note));
}

/** Finished before, and stopped on the way to the names; null as well when something of it is gone. */
async function recall(digester: Digester, home: string, wish: EngineWish): Promise<Note | null> {
  const text = await files.readText(join(home, 'result'));
  const note = text === null ? null : (JSON.parse(text) as Note);
  if (note?.identity !== wish.identity) return null;
  for (const file of note.result.files) {
    // On another disk it is copied, and was not removed here yet.
    if (await isCopy(digester, file, pathOf(wish, note, file))) await files.remove(file.diskPath);
    if ((await placeOf(wish, note, file)) === null) return null;
  }
  return note;
}

/** Where a finished file is: still with the engine, or under its name; null: it is gone. */
async function placeOf(wish: EngineWish, note: Note, file: EngineFile): Promise<string | null> {
  for (const path of [file.diskPath, pathOf(wish, note, file)]) {
    if ((await files.sizeOf(path)) === file.sizeBytes) return path;
  }
  return null;
}

/** Gives every file its name; one that has it already was moved by an earlier run. */
async function bringHome(
  digester: Digester,
  wish: EngineWish,
  home: string,
  note: Note,
): Promise<{ path: string; digests: Digest[] }[]> {
  const { result } = note;
  const homes: { path: string; digests: Digest[] }[] = [];
  for (const file of result.files) {
    const { diskPath, sizeBytes, modifiedAtMs } = file;
    let path = pathOf(wish, note, file);
    if ((await files.sizeOf(diskPath)) !== null) {
      if (modifiedAtMs !== undefined) await files.setModified(diskPath, modifiedAtMs);
      while (!(await move(diskPath, path))) {
        if (result.files.length > 1) throw isTaken(path);
        // Somebody else took the name meanwhile.
        note.root = await freeRoot(wish, result);
        await keep(home, note);
        path = pathOf(wish, note, file);
      }
    }
    homes.push({ path, digests: wish.hasDigests ? await digestsOf(digester, path, sizeBytes, ['sha-256']) : [] });
  }
  return homes;
}

function isTaken(path: string): FlotillaError {
  const message = `${path} came to be while we fetched. Move it away, and run the same command again.`;
  return new FlotillaError('not_writable', message, { retry: 'later' });
}

function pathOf({ folder }: EngineWish, { root, result }: Note, file: EngineFile): string {
  const parts = partsBelow(root, file, result);
  return parts.length === 1 ? join(folder, root) : insideRoot(folder, parts.join('/'));
}

/** False: the name is taken. */
async function move(from: string, path: string): Promise<boolean> {
  const folder = dirname(path);
  await files.makeFolder(folder);
  if (await files.sharesDisk(from, folder)) return files.claimName(from, path);
  const draft = join(folder, `.flotilla-${crc32(from)}.part`);
  await files.copy(from, draft, new AbortController().signal);
  const isMoved = await files.claimName(draft, path);
  await files.remove(isMoved ? from : draft);
  return isMoved;
}

async function isCopy(digester: Digester, { diskPath, sizeBytes }: EngineFile, path: string): Promise<boolean> {
  const both = [diskPath, path];
  for (const one of both) if ((await files.sizeOf(one)) !== sizeBytes) return false;
  const digests = await Promise.all(both.map((one) => digestsOf(digester, one, sizeBytes, ['sha-256'])));
  return digests[0]?.[0]?.hex === digests[1]?.[0]?.hex;
}

/** The first name for the file, or for the folder of all files, that nothing has. */
async function freeRoot(wish: EngineWish, { resolution, files: all }: EngineResult): Promise<string> {
  const first = all.length === 1 ? all[0]?.path.split('/').at(-1) : all[0]?.path.split('/')[0];
  const wanted = safeName(wish.name ?? first ?? '', resolution.name);
  for (let number = 0; ; number++) {
    const name = numberedName(wanted, number);
    const path = join(wish.folder, name);
    if ((await files.sizeOf(path)) === null && (await files.list(path)).length === 0) return name;
  }
}

/** The path of the file below the folder of the download, part by part. */
function partsBelow(root: string, { path }: EngineFile, { files: all }: EngineResult): string[] {
  if (all.length === 1) return [root];
  const parts = path.split('/').map((part) => safeName(part));
  const isFlat = all.some((file) => !file.path.includes('/'));
  return isFlat ? [root, ...parts] : [root, ...parts.slice(1)];
}
