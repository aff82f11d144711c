/** `flotilla probe`: tells what a link is. */
import { parseLink } from '#core/link.ts';
import { proxied } from '#core/proxies.ts';
import { formatBytes } from '#lib/format.ts';
import { sourceOf } from '#sources/index.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock as clock } from '#wire/system.ts';
import { environment, netAllow } from './config.ts';
import { openGate, rangesOfTypedHosts } from './outlet.ts';
import { type RequestFlags, readProxyRules, readRequestFlags, typedProxy } from './request-flags.ts';

export async function runProbe(text: string, options: { json?: boolean } & RequestFlags): Promise<number> {
  const link = parseLink(text);
  const source = sourceOf(link);
  const given = await readRequestFlags(options);
  const rules = readProxyRules(options);
  const request = proxied(given, link, rules);
  const egress = openGate([
    ...netAllow(environment),
    ...(await rangesOfTypedHosts([link], (typed) => typedProxy(typed, given, rules))),
  ]);
  const connections = createKeptConnections();
  const resolution = await source.probe(
    { clock, egress, connections, connectTimeoutMs: 30_000 },
    link,
    request,
    new AbortController().signal,
  );
  if (options.json) {
    process.stdout.write(`${JSON.stringify(resolution)}\n`);
    return 0;
  }
  const { kind, name, files, resumable, finalUrl, mediaType, digests } = resolution;
  const sizes = files.map(({ sizeBytes }) => (sizeBytes === null ? 'size not known' : formatBytes(sizeBytes)));
  const lines = [
    `${name}  ${sizes.join(', ')}`,
    `kind       ${kind}${mediaType === null ? '' : ` (${mediaType})`}`,
    `from       ${finalUrl}`,
    `resumable  ${resumable ? 'yes' : 'no'}`,
    ...digests.map(({ algorithm, hex }) => `${algorithm.padEnd(9)}  ${hex}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}
