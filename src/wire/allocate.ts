/** Takes the room of a whole file on its disk before the first byte comes. */
import { type FileHandle, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { formatBytes } from '#lib/format.ts';
import type { RangeSet } from '#lib/ranges.ts';
import { startChild } from './child.ts';
import { explain } from './system.ts';

const blockBytes = 4 * 1024 * 1024;
const tellMs = 5000;

/**
 * The file at `path` has its size already; what `ranges` says is there stays as it is. Where the file system can, this takes a
 * moment (`fallocate` of util-linux, since Node has none); elsewhere zeros are written to where nothing is yet.
 * Tells people what it does. Throws `no_space`, or what the signal says.
 */
export async function allocate(
  path: string,
  ranges: RangeSet,
  sizeBytes: number,
  signal: AbortSignal,
  tell: (message: string) => void,
): Promise<void> {
  signal.throwIfAborted();
  if (sizeBytes === 0 || (await isAllocated(path, sizeBytes))) return;
  if (await fallocate(path, sizeBytes, signal)) {
    tell(`${formatBytes(sizeBytes)} were taken on the disk.`);
    return;
  }
  await writeZeros(path, ranges, sizeBytes, signal, tell);
}

async function isAllocated(path: string, sizeBytes: number): Promise<boolean> {
  const handle = await open(path, 'r');
  try {
    return (await handle.stat()).blocks * 512 >= sizeBytes;
  } finally {
    await handle.close();
  }
}

/** False: the program or the file system cannot do it, or the disk is full, which the zeros will tell. */
async function fallocate(path: string, sizeBytes: number, signal: AbortSignal): Promise<boolean> {
  const args = ['--length', String(sizeBytes), path];
  const child = await startChild({ command: 'fallocate', args, folder: dirname(path) }).catch(() => null);
  if (child === null) return false;
  child.stdout.resume();
  child.stderr.resume();
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop, { once: true });
  try {
    const { code } = await child.done;
    signal.throwIfAborted();
    return code === 0;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

/** Exported for its test: where `fallocate` works, nobody comes here. */
export async function writeZeros(
  path: string,
  ranges: RangeSet,
  sizeBytes: number,
  signal: AbortSignal,
  tell: (message: string) => void,
): Promise<void> {
  tell(`Taking ${formatBytes(sizeBytes)} on the disk, by writing zeros.`);
  let toldAtMs = performance.now();
  let writtenBytes = ranges.sizeBytes;
  const zeros = Buffer.alloc(blockBytes);
  const file = await open(path, 'r+');
  try {
    for (const [startByte, endByte] of ranges.missing(0, sizeBytes)) {
      for (let position = startByte; position < endByte; ) {
        signal.throwIfAborted();
        const count = await writeBlock(file, zeros, position, endByte);
        position += count;
        writtenBytes += count;
        if (performance.now() - toldAtMs < tellMs) continue;
        toldAtMs = performance.now();
        tell(`${Math.floor((writtenBytes / sizeBytes) * 100)} % of the room is taken.`);
      }
    }
  } catch (error) {
    throw explain(error, path);
  } finally {
    await file.close();
  }
}

async function writeBlock(file: FileHandle, zeros: Buffer, position: number, endByte: number): Promise<number> {
  return (await file.write(zeros, 0, Math.min(zeros.length, endByte - position), position)).bytesWritten;
}
