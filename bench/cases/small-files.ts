/** Many small files from a list. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Nginx, sampleFile } from '#testing/serve-nginx.ts';
import type { Case, TransferOptions } from '../case.ts';
import { aria2Quiet, bare, flotillaEnv } from '../programs.ts';

const count = 10_000;
const sizeBytes = 4096;

/** Makes the files; `served` is the folder that nginx serves. */
export function smallFilesCase(options: TransferOptions, nginx: Nginx, served: string): Case {
  const files = new Map<string, string>();
  for (let n = 0; n < count; n += 1) {
    const name = `${String(n).padStart(5, '0')}.bin`;
    files.set(name, sampleFile(join(served, 'small'), name, sizeBytes, 1000 + n));
  }
  const urls = [...files.keys()].map((name) => [name, `${nginx.origin}/small/${name}`] as const);
  const list = join(options.folder, 'list.txt');
  writeFileSync(list, urls.map(([, url]) => `${url}\n`).join(''));
  const config = join(options.folder, 'curl.txt');
  writeFileSync(config, urls.map(([name, url]) => `url = "${url}"\noutput = "${name}"\n`).join(''));
  return {
    name: 'small-files',
    title: `${count} files of 4 KiB from a list, into memory: making a file on a disk takes longer than fetching it`,
    measure: 'wallSeconds',
    files,
    sizeBytes: count * sizeBytes,
    isInMemory: true,
    commands: {
      flotilla: (folder) => ({ argv: [...options.flotilla, 'get', '-q', '-i', list, ...bare, '-d', folder], env: flotillaEnv }),
      aria2: (folder) => ({ argv: [...aria2Quiet, '-i', list, '-j16', '-d', folder] }),
      curl: (folder) => ({ argv: ['curl', '-sSf', '-Z', '--parallel-max', '50', '--output-dir', folder, '-K', config] }),
    },
    bars: { aria2: 0.3, curl: 0.9 },
  };
}
