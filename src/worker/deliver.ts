/** Brings fetched files to their destination, and erases them there. */
import type { DeliveredFile } from '#core/protocol.ts';
import { idleState, type RunTask, type TaskState } from './parts.ts';

export const runDeliver: RunTask<'deliver'> = async ({ downloadId, files, destination }, { parts, signal, show }) => {
  const adapter = parts.destinationOf(destination.kind);
  const options = adapter.options.parse(destination.options);
  const state: TaskState = {
    ...idleState,
    phase: 'deliver',
    sizeBytes: files.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
  };
  show(() => state);
  const delivered: DeliveredFile[] = [];
  for (const file of files) {
    const scratchPath = await parts.scratch.partPath(downloadId, file.index);
    if ((await parts.files.sizeOf(scratchPath)) !== file.sizeBytes) return { kind: 'scratch_lost' };
    const scratchFile = { ...file, scratchPath, notePath: parts.scratch.notePath(downloadId, file.index) };
    const count = (byteCount: number) => {
      state.doneBytes += byteCount;
    };
    delivered.push(await adapter.deliver(options, scratchFile, count, signal));
  }
  return { kind: 'delivered', files: delivered };
};

export const runErase: RunTask<'erase'> = async ({ files, destination }, { parts }) => {
  const adapter = parts.destinationOf(destination.kind);
  await adapter.erase(adapter.options.parse(destination.options), files);
  return { kind: 'erased' };
};
