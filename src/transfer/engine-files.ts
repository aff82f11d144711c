/** Files that a source brings by itself. */
import type { Digester } from '#core/digester.ts';
import type { Files } from '#core/files.ts';
import type { Digest, DigestAlgorithm, Resolution } from '#core/resolution.ts';
import type { EngineJob, EngineState } from '#core/source.ts';
import type { Share } from './room.ts';

/**
 * Claims the room of what an engine still brings into the job's folder, somewhere in the given one. As long as it says nothing, that
 * is what the resolution says, or unknown where an earlier try left something. Throws `no_space`.
 */
export async function claimRoom(
  files: Files,
  share: Share,
  root: string,
  { folder, resolution, selected }: Pick<EngineJob, 'folder' | 'resolution' | 'selected'>,
  stateOf: () => Pick<EngineState, 'doneBytes' | 'sizeBytes'> | null,
): Promise<void> {
  const isNew = (await files.list(folder)).length === 0;
  const expectedBytes = isNew ? wantedBytes(resolution, selected) : null;
  const bytesToCome = () => {
    const { doneBytes, sizeBytes } = stateOf() ?? { doneBytes: 0, sizeBytes: expectedBytes };
    return sizeBytes === null ? null : Math.max(0, sizeBytes - doneBytes);
  };
  await share.claim([{ folder: root, bytesToCome }]);
}

/** null: nobody knows. */
function wantedBytes(resolution: Resolution | null, selected: EngineJob['selected']): number | null {
  let sum: number | null = resolution === null ? null : 0;
  for (const [index, { sizeBytes }] of resolution?.files.entries() ?? []) {
    if (selected?.has(index) ?? true) sum = sum === null || sizeBytes === null ? null : sum + sizeBytes;
  }
  return sum;
}

/** Every byte of it is on the disk itself when this resolves. */
export async function flushFile(files: Files, path: string): Promise<void> {
  const part = files.openPart(path);
  try {
    await part.flush();
  } finally {
    part.close();
  }
}

/** Of the whole file, read again. */
export async function digestsOf(
  digester: Digester,
  path: string,
  sizeBytes: number,
  algorithms: DigestAlgorithm[],
): Promise<Digest[]> {
  const digests = digester.follow(path, sizeBytes, algorithms);
  try {
    return await digests.finish(sizeBytes);
  } finally {
    digests.close();
  }
}
