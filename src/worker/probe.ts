/** Looks at a link. */
import { FlotillaError } from '#core/errors.ts';
import { parseLink } from '#core/link.ts';
import { listingFor, resolvedFiles } from '#core/listing.ts';
import type { Detected } from '#core/resolution.ts';
import { sessionOf } from '#core/source.ts';
import { readListing } from '#transfer/read-listing.ts';
import type { RunTask, WorkerParts } from './parts.ts';
import { requestTo, type Wish } from './request-to.ts';

/** So long one link may take to answer while another one could. */
const firstAnswerMs = 5000;

export const runProbe: RunTask<'probe'> = async (claim, { parts, signal, note }) => {
  const { taskId, link, options, mayList, proxies, document } = claim;
  const { sourceOf, listings } = parts;
  const limits = parts.limits.begin(taskId, '', (message) => note('waiting', message));
  const sources = { ...parts.sources, hosts: limits.hosts, tell: (message: string) => note('fetching', message) };
  const { as, parameters } = options;
  const isList = listings.some(({ kind }) => kind === as);
  const asked: Wanted = { link, options, proxies, ...(document && { document: Buffer.from(document, 'base64') }) };
  // What lists others is found as what it is, and read afterwards.
  const question = isList ? { ...asked, options: { ...options, as: undefined, parameters: undefined } } : asked;
  try {
    const links = [link, ...(options.mirrors ?? [])].map(parseLink);
    const { url, found } = await probeAny(links, question, { ...parts, sources }, signal);
    const { mightBe, ...resolution } = found;
    const listing = mayList ? listingFor(listings, { as, ...resolution }) : null;
    if (listing === null) return { kind: 'resolved', resolution, ...(mightBe && { mightBe }) };
    const session = sessionOf(sourceOf(url), sources, url, requestTo(url, asked));
    const address = parseLink(resolution.finalUrl);
    const wish = { address, parameters: isList ? parameters : {} };
    const listed = await readListing(session, listing, wish, sources, signal);
    return { kind: 'resolved', resolution: { ...resolution, kind: listing.kind, files: resolvedFiles(listed) }, listed };
  } finally {
    limits.end();
  }
};

/**
 * The first of these links that answers, asked in turn; one that is late is asked once more, with patience, when no other did.
 * Throws what the first one said when none does.
 */
async function probeAny(
  links: URL[],
  asked: Wanted,
  { sources, detect }: Pick<WorkerParts, 'sources' | 'detect'>,
  signal: AbortSignal,
): Promise<{ url: URL; found: Detected }> {
  const failures = new Map<URL, unknown>();
  const late = new Set<URL>();
  const probe = async (url: URL, patience: AbortSignal) => {
    try {
      const { as, parameters } = asked.options;
      const { document } = asked;
      const question = { link: url, request: requestTo(url, asked), as, parameters, document };
      return await detect(sources, question, AbortSignal.any([signal, patience]));
    } catch (error) {
      signal.throwIfAborted();
      failures.set(url, error);
      return null;
    }
  };
  for (const url of links) {
    const patience = new AbortController();
    const timer = sources.clock.setTimer(firstAnswerMs, () => {
      if (links.length === 1) return;
      late.add(url);
      patience.abort(new FlotillaError('timed_out', `${url.host} did not begin to answer within ${firstAnswerMs / 1000} s.`));
    });
    const found = await probe(url, patience.signal);
    timer.cancel();
    if (found !== null) return { url, found };
  }
  for (const url of late) {
    const found = await probe(url, signal);
    if (found !== null) return { url, found };
  }
  throw failures.get(links[0] as URL);
}

type Wanted = Wish & { document?: Uint8Array };
