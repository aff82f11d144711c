/** A file of sixteen times the size: memory must not grow with it. */
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Nginx } from '#testing/serve-nginx.ts';
import type { Case, TransferOptions } from '../case.ts';
import { aria2, bare, fileName, flotilla } from '../programs.ts';

/** Holes on the server's side; what arrives are zeros, which take room at the receiver. */
export function hugeFileCase(options: TransferOptions, nginx: Nginx, served: string): Case {
  const sizeBytes = options.sizeBytes * 16;
  const file = openSync(join(served, 'huge.bin'), 'w');
  ftruncateSync(file, sizeBytes);
  closeSync(file);
  const url = `${nginx.origin}/huge.bin`;
  return {
    name: 'huge-file',
    title: `${Math.round(sizeBytes / 2 ** 30)} GiB of zeros over eight connections: peak memory is what counts`,
    measure: 'cpuSecondsPerGiB',
    // Only looked at: reading it back would take longer than fetching it.
    files: new Map([[fileName, null]]),
    sizeBytes,
    rounds: 1,
    commands: { flotilla: flotilla(options, url, 8, bare), aria2: aria2(url, 8) },
    bars: { aria2: 0.6 },
  };
}
