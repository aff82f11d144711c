import { FlotillaError } from '#core/errors.ts';
import { parseLink, showLink } from '#core/link.ts';
import type { Desk, Handlers } from '../handlers.ts';
import { toRemoteProblem } from '../problem.ts';

export function probeHandlers({ control }: Desk): Handlers<'probeLink'> {
  return {
    async probeLink({ body }, { reply }) {
      const link = parseLink(body.url);
      const left = new AbortController();
      // Whoever closes the page or types on no longer waits, and neither should a worker.
      reply.raw.once('close', () => left.abort());
      try {
        const resolution = await control.probe(link.href, left.signal, body.request);
        return { ...resolution, finalUrl: showLink(resolution.finalUrl) };
      } catch (error) {
        throw error instanceof FlotillaError && error.code !== 'internal' ? toRemoteProblem(error) : error;
      }
    },
  };
}
