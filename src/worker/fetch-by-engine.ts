/** A download from a source that fetches by itself; its finished files are proven and taken here. */
import { parseLink, showLink } from '#core/link.ts';
import type { FetchClaim, FetchedFile, Outcome } from '#core/protocol.ts';
import type { DigestAlgorithm } from '#core/resolution.ts';
import { parseSelection } from '#core/selection.ts';
import type { EngineFile, EngineJob, EngineResult, EngineState, Source } from '#core/source.ts';
import { claimRoom, digestsOf, flushFile } from '#transfer/engine-files.ts';
import type { TaskContext } from './parts.ts';
import { requestTo } from './request-to.ts';

/** What the engine said, and for which wish. */
type Note = { wish: string; result: EngineResult };

export async function fetchByEngine(source: Source, claim: FetchClaim, context: TaskContext): Promise<Outcome> {
  const { downloadId } = claim;
  const { parts, signal, show } = context;
  const { resolution, files, facts } = (await recall(claim, context)) ?? (await runEngine(source, claim, context));
  const sizeBytes = files.reduce((sum, file) => sum + file.sizeBytes, 0);
  const idle = { speedBytesPerSecond: 0, connections: [], stretches: [] };
  show(() => ({ ...idle, phase: 'verify', doneBytes: sizeBytes, sizeBytes, ranges: [[0, sizeBytes]] }));
  const algorithms = [...new Set<DigestAlgorithm>(['sha-256', claim.options.checksum?.algorithm ?? 'sha-256'])];
  const fetched: FetchedFile[] = [];
  for (const file of files) {
    signal.throwIfAborted();
    const path = await parts.scratch.partPath(downloadId, file.index);
    // Moved by an earlier run, which was stopped before it could tell.
    if ((await parts.files.sizeOf(file.diskPath)) !== null) {
      await parts.files.remove(path);
      await parts.files.claimName(file.diskPath, path);
    }
    const { index, path: shown, sizeBytes: size, verifiedAgainst = [], modifiedAtMs } = file;
    const digests = await digestsOf(parts.digester, path, size, algorithms);
    fetched.push({ index, path: shown, sizeBytes: size, digests, verifiedAgainst, ...(modifiedAtMs && { modifiedAtMs }) });
  }
  return { kind: 'fetched', resolution, files: fetched, facts };
}

async function runEngine(source: Source, claim: FetchClaim, context: TaskContext): Promise<EngineResult> {
  const { downloadId, ownerId, options, document, resolution, mostBytes } = claim;
  const { parts, signal, show, note, debug } = context;
  const link = parseLink(claim.link);
  const limits = parts.limits.begin(downloadId, ownerId, (message) => note('waiting', message));
  const share = parts.room.share();
  let stateOf: () => EngineState | null = () => null;
  try {
    const sources = { ...parts.sources, hosts: limits.hosts };
    const job: EngineJob = {
      link,
      request: requestTo(link, claim),
      parameters: options.parameters ?? {},
      document: document === undefined ? null : Buffer.from(document, 'base64'),
      selected: parseSelection(options.files),
      folder: await parts.scratch.engineFolder(downloadId),
      resolution,
      mostBytes,
      limitBytesPerSecond: limits.bytesPerSecond,
      show(state) {
        stateOf = state;
        show(() => ({ phase: 'fetch', stretches: [], ...state() }));
      },
      note,
      debug,
    };
    if (source.run === undefined) throw new Error(`the source ${source.kind} does not fetch by itself`);
    await claimRoom(parts.files, share, parts.scratch.root, job, () => stateOf());
    const result = await source.run(sources, job, AbortSignal.any([signal, share.full]));
    for (const { diskPath } of result.files) await flushFile(parts.files, diskPath);
    const said: Note = { wish: wishOf(claim), result };
    await parts.files.writeText(parts.scratch.resultPath(downloadId), JSON.stringify(said));
    return result;
  } finally {
    share.release();
    limits.end();
  }
}

/** What an earlier run of the same wish had finished, when all of it is still here. */
async function recall(claim: FetchClaim, { parts }: TaskContext): Promise<EngineResult | null> {
  const { files, scratch } = parts;
  const text = await files.readText(scratch.resultPath(claim.downloadId));
  if (text === null) return null;
  const { wish, result } = JSON.parse(text) as Note;
  const isHere = async ({ diskPath, index, sizeBytes }: EngineFile) => {
    const path = (await files.sizeOf(diskPath)) === null ? await scratch.partPath(claim.downloadId, index) : diskPath;
    return (await files.sizeOf(path)) === sizeBytes;
  };
  if (wish === wishOf(claim) && (await Promise.all(result.files.map(isHere))).every(Boolean)) return result;
  await files.remove(scratch.resultPath(claim.downloadId));
  return null;
}

function wishOf({ link, options: { as, parameters, files } }: FetchClaim): string {
  return JSON.stringify([showLink(link), as ?? null, parameters ?? {}, files ?? null]);
}
