/** A folder: many files, each with a link of its own, fetched a few at a time. */
import { checksumOfSeveral } from '#core/checksum.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { parseLink, showLink } from '#core/link.ts';
import type { FetchClaim, FetchedFile, Outcome } from '#core/protocol.ts';
import { linkOfFile, modifiedAt, type Resolution, type ResolvedFile } from '#core/resolution.ts';
import { parseSelection, select } from '#core/selection.ts';
import type { FetchProgress } from '#transfer/fetch-task.ts';
import { defaultConnections, fetchFile } from './fetch-file.ts';
import type { TaskContext, TaskState } from './parts.ts';

const filesAtOnce = 4;

/** One of the wanted files. */
type Part = {
  index: number;
  file: ResolvedFile;
  /** Where it begins when all wanted files are laid one after the other. */
  startByte: number;
  progress: (() => FetchProgress) | null;
  fetched: FetchedFile | null;
};

/** What an earlier run, or this one, noted when a file was whole. */
type Note = { link: string; fetched: FetchedFile; fetchedBytes: number; connections: number };

export async function fetchMany(resolution: Resolution, claim: FetchClaim, context: TaskContext): Promise<Outcome> {
  const { downloadId, ownerId, options, mostBytes } = claim;
  const { parts, show, note } = context;
  const wanted = layOut(select(resolution.files, parseSelection(options.files)));
  const sizeBytes = totalOf(wanted);
  if (options.checksum !== undefined && wanted.length > 1)
    throw new FlotillaError('link_invalid', checksumOfSeveral(wanted.length));
  if (mostBytes !== null && sizeBytes !== null && sizeBytes > mostBytes) throw tooMuch(mostBytes);
  show(() => stateOf(wanted, sizeBytes));
  const limits = parts.limits.begin(downloadId, ownerId, (message) => note('waiting', message));
  const facts = { finalUrl: resolution.finalUrl, validator: resolution.validator, fetchedBytes: 0, connections: 0 };
  // When one fails, the others stop; what they have is kept.
  const stop = new AbortController();
  const signal = AbortSignal.any([context.signal, stop.signal]);
  const waiting = [...wanted];
  const work = async () => {
    for (let part = waiting.shift(); part !== undefined; part = waiting.shift()) {
      signal.throwIfAborted();
      const known = (await recall(part, claim, context)) ?? (await fetchPart(part, claim, limits, context, signal));
      part.fetched = known.fetched;
      facts.fetchedBytes += known.fetchedBytes;
      facts.connections = Math.max(facts.connections, known.connections);
    }
  };
  try {
    const works = Array.from({ length: filesAtOnce }, () => work().catch((error) => stop.abort(error)));
    await Promise.all(works);
    signal.throwIfAborted();
  } finally {
    limits.end();
  }
  return { kind: 'fetched', resolution, files: wanted.flatMap(({ fetched }) => fetched ?? []), facts };
}

async function fetchPart(
  part: Part,
  claim: FetchClaim,
  limits: Parameters<typeof fetchFile>[2],
  context: TaskContext,
  signal: AbortSignal,
): Promise<Note> {
  const { downloadId, options } = claim;
  const { index, file } = part;
  const link = linkOfFile(file, parseLink(claim.link));
  const promised = file.sizeBytes === null ? null : { sizeBytes: file.sizeBytes, digests: [] };
  const connections = Math.max(1, Math.floor((options.connections ?? defaultConnections) / filesAtOnce));
  const wanted = { index, link, mirrors: [], promised, connections };
  try {
    const result = await fetchFile(wanted, claim, limits, context, signal, (progress) => {
      part.progress = progress;
    });
    const atMs = options.remoteTime ? modifiedAt(result.facts.validator) : null;
    const { sizeBytes, digests, verifiedAgainst, fetchedBytes, connections: most } = result;
    const fetched = {
      index,
      path: file.path,
      sizeBytes,
      digests,
      verifiedAgainst,
      ...(atMs !== null && { modifiedAtMs: atMs }),
    };
    const note: Note = { link: showLink(link), fetched, fetchedBytes, connections: most };
    await context.parts.files.writeText(context.parts.scratch.fetchedPath(downloadId, index), JSON.stringify(note));
    return note;
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FlotillaError)) throw error;
    const { code, message, retry, retryAfterMs } = toFailure(error);
    throw new FlotillaError(code, `${file.path}: ${message}`, { retry, retryAfterMs, cause: error });
  }
}

/** null: the file is not here whole. */
async function recall(part: Part, claim: FetchClaim, { parts }: TaskContext): Promise<Note | null> {
  const { files, scratch } = parts;
  const text = await files.readText(scratch.fetchedPath(claim.downloadId, part.index));
  if (text === null) return null;
  const note = JSON.parse(text) as Note;
  const isSame = note.link === showLink(linkOfFile(part.file, parseLink(claim.link))) && note.fetched.path === part.file.path;
  const sizeBytes = await files.sizeOf(await scratch.partPath(claim.downloadId, part.index));
  return isSame && sizeBytes === note.fetched.sizeBytes ? { ...note, fetchedBytes: 0 } : null;
}

function layOut(wanted: { index: number; file: ResolvedFile }[]): Part[] {
  let startByte = 0;
  return wanted.map(({ index, file }) => {
    const part = { index, file, startByte, progress: null, fetched: null };
    startByte += file.sizeBytes ?? 0;
    return part;
  });
}

function totalOf(parts: Part[]): number | null {
  return parts.reduce<number | null>(
    (sum, { file }) => (sum === null || file.sizeBytes === null ? null : sum + file.sizeBytes),
    0,
  );
}

function stateOf(parts: Part[], sizeBytes: number | null): TaskState {
  const state: TaskState = {
    ...{ phase: 'fetch', doneBytes: 0, sizeBytes, speedBytesPerSecond: 0 },
    ...{ connections: [], ranges: [], stretches: [] },
  };
  for (const { startByte, progress, fetched } of parts) {
    if (fetched !== null) {
      state.doneBytes += fetched.sizeBytes;
      addRange(state.ranges, startByte, startByte + fetched.sizeBytes);
      continue;
    }
    if (progress === null) continue;
    const now = progress();
    state.doneBytes += now.doneBytes;
    state.speedBytesPerSecond += now.speedBytesPerSecond;
    for (const [from, to] of now.ranges) addRange(state.ranges, startByte + from, startByte + to);
    for (const one of now.connections) {
      state.connections.push({
        ...one,
        startByte: startByte + one.startByte,
        position: startByte + one.position,
        endByte: one.endByte === null ? null : startByte + one.endByte,
      });
    }
  }
  return state;
}

function addRange(ranges: TaskState['ranges'], startByte: number, endByte: number): void {
  const last = ranges.at(-1);
  if (startByte === endByte) return;
  if (last !== undefined && last[1] === startByte) last[1] = endByte;
  else ranges.push([startByte, endByte]);
}

function tooMuch(mostBytes: number): FlotillaError {
  return new FlotillaError('too_large', `The files are larger together than the ${mostBytes} bytes that are allowed.`);
}
