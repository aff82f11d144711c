import { FlotillaError } from '#core/errors.ts';
import { parseLink, showLink } from '#core/link.ts';
import type { Desk, Handlers } from '../handlers.ts';
import { toRemoteProblem } from '../problem.ts';

export function probeHandlers({ control, linkOf }: Desk): Handlers<'probeLink'> {
  return {
    async probeLink({ body: { url, document, ...options } }, { reply }) {
      const link = document === undefined ? parseLink(url ?? '').href : await linkOf(document);
      const left = new AbortController();
      // Whoever closes the page or types on no longer waits, and neither should a worker.
      reply.raw.once('close', () => left.abort());
      try {
        const resolution = await control.probe({ link, document, options }, left.signal);
        return { ...resolution, finalUrl: showLink(resolution.finalUrl) };
      } catch (error) {
        throw error instanceof FlotillaError && error.code !== 'internal' ? toRemoteProblem(error) : error;
      }
    },
  };
}
