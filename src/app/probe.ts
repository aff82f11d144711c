/** `flotilla probe`: tells what a link is. */
import { parseLink } from '#core/link.ts';
import { proxied } from '#core/proxies.ts';
import type { ResolvedFile } from '#core/resolution.ts';
import { formatBytes } from '#lib/format.ts';
import { detect } from '#sources/detect.ts';
import { sourceOf } from '#sources/index.ts';
import { createShared } from '#wire/shared.ts';
import { environment, netAllow, searchPath } from './config.ts';
import { openDocument } from './document.ts';
import { rangesOfTypedHosts } from './outlet.ts';
import { type AskFlags, type RequestFlags, readProxyRules, readRequestFlags, typedProxy } from './request-flags.ts';
import { createSourceContext } from './source-context.ts';
import { parseAssignment, settingsOfPerson, settingsOfSources, sourceSettings } from './source-settings.ts';

export async function runProbe(text: string, options: { json?: boolean } & AskFlags & RequestFlags): Promise<number> {
  const shared = createShared();
  const document = await openDocument(text, shared);
  const link = document?.link ?? parseLink(text);
  if (options.as === undefined) sourceOf(link);
  const given = await readRequestFlags(options);
  const rules = readProxyRules(options);
  const request = proxied(given, link, rules);
  const opened = await rangesOfTypedHosts([link], (typed) => typedProxy(typed, given, rules));
  const { context, close } = createSourceContext({
    netAllow: [...netAllow(environment), ...opened],
    settings: settingsOfSources(sourceSettings.parse(options.source), environment, settingsOfPerson(environment)),
    searchPath: searchPath(environment),
    shared,
  });
  const question = {
    ...{ link, request, as: options.as, document: document?.bytes },
    parameters: Object.fromEntries((options.set ?? []).map(parseAssignment)),
  };
  const resolution = await detect({ ...context, tell }, question, new AbortController().signal).finally(close);
  if (options.json) {
    process.stdout.write(`${JSON.stringify(resolution)}\n`);
    return 0;
  }
  const { kind, name, files, resumable, finalUrl, mediaType, digests, infoHash, infoHashV2 } = resolution;
  const lines = [
    `${name}  ${shownSize(files)}`,
    `kind       ${kind}${mediaType === null ? '' : ` (${mediaType})`}`,
    `from       ${finalUrl}`,
    `resumable  ${resumable ? 'yes' : 'no'}`,
    ...(infoHash === undefined ? [] : [`info hash  ${infoHash}`]),
    ...(infoHashV2 === undefined ? [] : [`version 2  ${infoHashV2}`]),
    ...digests.map(({ algorithm, hex }) => `${algorithm.padEnd(9)}  ${hex}`),
    ...(files.length > 1 ? files.slice(0, mostShown).map(shownFile) : []),
    ...(files.length > mostShown ? [`… and ${files.length - mostShown} more`] : []),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  return 0;
}

function tell(message: string): void {
  process.stderr.write(`${message}\n`);
}

const mostShown = 1000;

function shownFile({ path, sizeBytes }: ResolvedFile, index: number): string {
  return `${String(index).padStart(9)}  ${path}  ${sizeBytes === null ? '' : formatBytes(sizeBytes)}`.trimEnd();
}

function shownSize(files: ResolvedFile[]): string {
  const known = files.map(({ sizeBytes }) => sizeBytes).filter((sizeBytes) => sizeBytes !== null);
  const total = formatBytes(known.reduce((sum, sizeBytes) => sum + sizeBytes, 0));
  if (files.length === 1) return known.length === 0 ? 'size not known' : total;
  return known.length < files.length ? `${files.length} files` : `${files.length} files, ${total}`;
}
