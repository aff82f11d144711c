import { FlotillaError } from '#core/errors.ts';
import { parseLink, showLink } from '#core/link.ts';
import { type ListedFile, resolvedFiles } from '#core/listing.ts';
import type { Desk, Handlers } from '../handlers.ts';
import { notFound, toRemoteProblem } from '../problem.ts';
import { readMetalink } from './metalink.ts';

/** A person who waits wants to hear something within three seconds. */
const patienceMs = 2500;

export function probeHandlers(desk: Desk): Handlers<'probeLink' | 'getProbe' | 'stopProbe' | 'listSources'> {
  const { control, linkOf } = desk;

  /** What the look found so far. Whoever closes the page or types on no longer waits, and neither should a worker. */
  async function told(ownerId: string, id: string, waitMs: number, left: AbortSignal) {
    const found = await control.waitForLook(ownerId, id, waitMs, left).catch((error) => {
      throw error instanceof FlotillaError && error.code !== 'internal' ? toRemoteProblem(error) : error;
    });
    if (found === 'unknown') throw notFound('look at a link any more: ask for the link again');
    if (found === 'looking') return { looking: true as const, id };
    return { ...found, finalUrl: showLink(found.finalUrl) };
  }

  return {
    async probeLink({ body: { url, document, metalink, waitSeconds, ...options } }, { ownerId, reply }) {
      const left = new AbortController();
      reply.raw.once('close', () => left.abort());
      if (metalink !== undefined) return resolutionOf(await readMetalink(desk, metalink));
      const link = document === undefined ? parseLink(url ?? '').href : await linkOf(document);
      const id = control.beginLook(ownerId, { link, document, options });
      const waitMs = waitSeconds === undefined ? patienceMs : waitSeconds * 1000;
      return told(ownerId, id, waitMs, left.signal);
    },
    getProbe({ params: { id } }, { ownerId, reply }) {
      const left = new AbortController();
      reply.raw.once('close', () => left.abort());
      return told(ownerId, id, patienceMs, left.signal);
    },
    async stopProbe({ params: { id } }, { ownerId }) {
      control.stopLook(ownerId, id);
    },
    async listSources() {
      const online = (await control.workers()).filter(({ state }) => state === 'online');
      const known = new Set(online.flatMap(({ schemes }) => schemes));
      return desk.kinds.map(({ kind, schemes, parameters, told: words }) => {
        return { kind, schemes: [...schemes], parameters, ready: words?.some((word) => known.has(word)) ?? true };
      });
    },
  };
}

function resolutionOf(listed: ListedFile[]) {
  const files = resolvedFiles(listed);
  return {
    kind: 'metalink',
    // The document has none that its sender does not know better.
    name: files.length === 1 ? (files[0]?.path ?? '') : '',
    files,
    resumable: null,
    finalUrl: '',
    validator: { etag: null, lastModified: null },
    mediaType: 'application/metalink4+xml',
    digests: [],
  };
}
