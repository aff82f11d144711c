/** A server far away: what a round trip of 50 ms costs, with and without lost packets. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFile } from '#testing/serve-nginx.ts';
import { keepSlowLink, whyNoPackets } from '#testing/slow-link.ts';
import type { Scope } from '#testing/temp.ts';
import type { Case, Program, TransferOptions } from '../case.ts';
import type { Command } from '../measure.ts';
import { aria2, bare, curl, fileName, flotilla } from '../programs.ts';

const sizeBytes = 8 * 1024 * 1024;
const rttMs = 50;

/** None where the kernel cannot delay packets for us. */
export async function farCases(t: Scope, options: TransferOptions): Promise<Case[]> {
  const isWanted = options.cases.length === 0 || options.cases.some((name) => name.startsWith('far'));
  const why = isWanted ? whyNoPackets() : null;
  if (why !== null) options.say(`left out: far, far-lossy (${why})`);
  if (!isWanted || why !== null) return [];
  const folder = join(options.folder, 'far');
  mkdirSync(folder);
  const sha256 = sampleFile(folder, fileName, sizeBytes, 3);
  const cases: Case[] = [];
  for (const lossPercent of [0, 1]) {
    const { origin, enter } = await keepSlowLink(t, folder, { rttMs, lossPercent });
    const url = `${origin}/${fileName}`;
    const within = (command: (out: string) => Command) => (out: string) => {
      const { argv, env } = command(out);
      return { argv: [...enter, ...argv], ...(env ? { env } : {}) };
    };
    const commands: Partial<Record<Program, (out: string) => Command>> = {
      flotilla: within(flotilla(options, url, 8, bare)),
      aria2: within(aria2(url, 8)),
      curl: within(curl(url)),
    };
    cases.push({
      name: lossPercent === 0 ? 'far' : 'far-lossy',
      title: `8 MiB, ${rttMs} ms round trip${lossPercent === 0 ? '' : `, ${lossPercent} % of the packets lost`}, eight connections (curl: one)`,
      measure: 'wallSeconds',
      files: new Map([[fileName, sha256]]),
      sizeBytes,
      commands,
      bars: lossPercent === 0 ? { curl: 1.05 } : { aria2: 0.6 },
    });
  }
  return cases;
}
