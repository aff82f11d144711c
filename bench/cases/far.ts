/** A server far away: what a round trip of 50 ms costs, with and without lost packets. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sampleFile, serveNginx } from '#testing/serve-nginx.ts';
import { keepSlowLink, whyNoPackets } from '#testing/slow-link.ts';
import type { Scope } from '#testing/temp.ts';
import type { Case, Program, TransferOptions } from '../case.ts';
import type { Command } from '../measure.ts';
import { type FarLink, serveFarLink } from '../modelled-link.ts';
import { aria2, bare, curl, fileName, flotilla } from '../programs.ts';

const sizeBytes = 8 * 1024 * 1024;
const rttMs = 50;

/** With real packets where the kernel can delay and lose them, else over a model of TCP. */
export async function farCases(t: Scope, options: TransferOptions): Promise<Case[]> {
  if (options.cases.length > 0 && !options.cases.some((name) => name.startsWith('far'))) return [];
  const isReal = whyNoPackets() === null;
  const folder = join(options.folder, 'far');
  mkdirSync(folder);
  const sha256 = sampleFile(folder, fileName, sizeBytes, 3);
  const cases: Case[] = [];
  for (const lossPercent of [0, 1]) {
    const { origin, enter } = await openLink(t, folder, { rttMs, lossPercent }, isReal);
    const url = `${origin}/${fileName}`;
    const within = (command: (out: string) => Command) => (out: string) => {
      const { argv, env } = command(out);
      return { argv: [...enter, ...argv], ...(env ? { env } : {}) };
    };
    const commands: Partial<Record<Program, (out: string) => Command>> = {
      flotilla: within(flotilla(options, url, null, bare)),
      aria2: within(aria2(url, 8)),
      curl: within(curl(url)),
    };
    cases.push({
      name: lossPercent === 0 ? 'far' : 'far-lossy',
      title: `8 MiB, ${rttMs} ms round trip${lossPercent === 0 ? '' : `, ${lossPercent} % of the packets lost`}, eight connections (curl: one; Flotilla: what it finds to help, at most 16), ${isReal ? 'real packets' : 'TCP modelled, because this kernel cannot delay packets'}`,
      measure: 'wallSeconds',
      files: new Map([[fileName, sha256]]),
      sizeBytes,
      commands,
      bars: lossPercent === 0 ? { curl: 1.05 } : { aria2: 0.6 },
    });
  }
  return cases;
}

/** `enter` is what a command has in front, to be at this end of the link. */
async function openLink(
  t: Scope,
  folder: string,
  link: FarLink,
  isReal: boolean,
): Promise<{ origin: string; enter: string[] }> {
  if (isReal) return keepSlowLink(t, folder, link);
  const nginx = await serveNginx(t, { folder });
  return { origin: await serveFarLink(t, nginx.port, link), enter: [] };
}
