/** `flotilla get` of what a source fetches by itself: torrents, video pages. */
import { join } from 'node:path';
import type { GetItem, GetScreen } from '#cli/get-screen.ts';
import type { Digester } from '#core/digester.ts';
import { insideRoot, numberedName, safeName } from '#core/names.ts';
import type { Digest } from '#core/resolution.ts';
import type { EngineFile, EngineJob, EngineResult, Source, SourceContext } from '#core/source.ts';
import { crc32 } from '#lib/crc32.ts';
import { digestsOf, flushFile } from '#transfer/engine-files.ts';
import { systemClock as clock, systemFiles as files } from '#wire/system.ts';

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
  /** Folders that downloads of this call are using. */
  taken: Set<string>;
};

export type EngineHome = { path: string; sizeBytes: number; digests: Digest[]; verifiedAgainst: Digest[]; seconds: number };

/** Kept beside the engine's folder until everything has its name: what is finished, and the name of all of it. */
type Note = { identity: string; result: EngineResult; root: string };

/** Goes on with what an earlier run left. Rejects with what ended it; `forget` then tells whether anything is worth keeping. */
export async function getByEngine(
  context: SourceContext,
  digester: Digester,
  wish: EngineWish,
  item: GetItem,
  screen: GetScreen,
  signal: AbortSignal,
): Promise<EngineHome> {
  const beganMs = clock.mono();
  const home = homeOf(wish);
  wish.taken.add(home);
  try {
    await files.makeFolder(home);
    const note = (await recall(home, wish)) ?? (await runEngine(context, wish, home, item, screen, signal));
    const delivered = await bringHome(digester, wish, note);
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

/** Of what nobody can go on with nothing is left. */
export async function forget(wish: EngineWish): Promise<void> {
  await files.removeFolder(homeOf(wish));
}

async function runEngine(
  context: SourceContext,
  wish: EngineWish,
  home: string,
  item: GetItem,
  screen: GetScreen,
  signal: AbortSignal,
): Promise<Note> {
  const { source, identity, ...asked } = wish;
  if (source.run === undefined) throw new Error(`the source ${source.kind} does not fetch by itself`);
  const folder = join(home, 'engine');
  await files.makeFolder(folder);
  let stateOf: Parameters<EngineJob['show']>[0] | null = null;
  const look = () => {
    if (stateOf === null) return;
    const { doneBytes, sizeBytes, speedBytesPerSecond, connections } = stateOf();
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
    const result = await source.run(context, job, signal);
    for (const { diskPath } of result.files) await flushFile(files, diskPath);
    const note = { identity, result, root: await freeRoot(wish, result) };
    await files.writeText(join(home, 'result'), JSON.stringify(note satisfies Note));
    return note;
  } finally {
    clearInterval(ticker);
  }
}

/** Finished before, and stopped on the way to the names. */
async function recall(home: string, { identity }: EngineWish): Promise<Note | null> {
  const text = await files.readText(join(home, 'result'));
  const note = text === null ? null : (JSON.parse(text) as Note);
  return note?.identity === identity ? note : null;
}

/** Gives every file its name; one that has it already was moved by an earlier run. */
async function bringHome(
  digester: Digester,
  wish: EngineWish,
  { result, root }: Note,
): Promise<{ path: string; digests: Digest[] }[]> {
  const homes: { path: string; digests: Digest[] }[] = [];
  for (const file of result.files) {
    const { diskPath, sizeBytes, modifiedAtMs } = file;
    const [name = '', ...folders] = partsBelow(root, file, result).reverse();
    const folder = folders.length === 0 ? wish.folder : insideRoot(wish.folder, folders.reverse().join('/'));
    await files.makeFolder(folder);
    const path = join(folder, name);
    if ((await files.sizeOf(diskPath)) !== null) {
      if (modifiedAtMs !== undefined) await files.setModified(diskPath, modifiedAtMs);
      await move(diskPath, folder, path);
    }
    homes.push({ path, digests: wish.hasDigests ? await digestsOf(digester, path, sizeBytes) : [] });
  }
  return homes;
}

async function move(from: string, folder: string, path: string): Promise<void> {
  if (await files.sharesDisk(from, folder)) {
    await files.claimName(from, path);
    return;
  }
  const draft = join(folder, `.flotilla-${crc32(from)}.part`);
  await files.copy(from, draft, new AbortController().signal);
  await files.claimName(draft, path);
  await files.remove(from);
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

function homeOf({ scratch, identity }: EngineWish): string {
  return join(scratch, `.flotilla-${crc32(identity)}`);
}
