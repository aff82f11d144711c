/**
 * Flotilla, aria2 and curl fetch the same files from servers on loopback, in turns, so that whatever else the machine does
 * hits all of them. Every result is looked at after the clock has stopped.
 */
import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import type { Scope } from '#testing/temp.ts';
import { type Case, type CaseResult, runCase, type TransferOptions } from './case.ts';
import { bigFileCases } from './cases/big-files.ts';
import { farCases } from './cases/far.ts';
import { hugeFileCase } from './cases/huge-file.ts';
import { smallFilesCase } from './cases/small-files.ts';
import { unevenCases } from './cases/uneven.ts';
import { fileName } from './programs.ts';

/** Throws when a program fails or a byte is wrong. */
export async function benchTransfer(t: Scope, options: TransferOptions): Promise<CaseResult[]> {
  const { folder, sizeBytes, say } = options;
  const served = join(folder, 'served');
  mkdirSync(join(served, 'small'), { recursive: true });
  say('making the files');
  const sha256 = sampleFile(served, fileName, sizeBytes, 1);
  flush(join(served, fileName));
  const nginx = await serveNginx(t, { folder: served, tls: true });
  const cases: Case[] = [
    ...bigFileCases(options, nginx, sha256),
    ...(await unevenCases(t, options, join(served, fileName), sha256)),
    smallFilesCase(options, nginx, served),

    ...(await farCases(t, options)),
    hugeFileCase(options, nginx, served),
  ].filter(({ name }) => options.cases.length === 0 || options.cases.includes(name));
  const results: CaseResult[] = [];
  for (const one of cases) results.push(await runCase(one, options));
  return results;
}

/** Otherwise the disk would still be busy with the source while the first program is measured. */
function flush(path: string): void {
  const file = openSync(path, 'r+');
  fsyncSync(file);
  closeSync(file);
}
