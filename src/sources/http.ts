import { nameFromLink, safeName } from '#core/names.ts';
import type { Resolution } from '#core/resolution.ts';
import { defineSource, type SourceFacts } from '#core/source.ts';
import { NotModified, openHttpSession } from '#wire/http-session.ts';
import { fetchSmall } from '#wire/http-small.ts';

export const http = defineSource({
  kind: 'http',
  schemes: ['http:', 'https:'],

  async probe(context, link, request, signal) {
    const session = openHttpSession(context, link, request);
    try {
      const opened = await session.open(0, null, signal);
      opened.discard();
      return resolutionOf(link, opened.facts);
    } finally {
      session.close();
    }
  },

  openSession: (context, link, request) => openHttpSession(context, link, request),

  async changedSince(context, link, request, known, signal) {
    const session = openHttpSession(context, link, request, { known });
    try {
      const opened = await session.open(0, null, signal);
      opened.discard();
      return opened.facts;
    } catch (error) {
      if (error instanceof NotModified) return null;
      throw error;
    } finally {
      session.close();
    }
  },
  fetchSmall,
});

function resolutionOf(link: URL, facts: SourceFacts): Resolution {
  const name = facts.suggestedName === null ? nameFromLink(link) : safeName(facts.suggestedName, nameFromLink(link));
  const { sizeBytes, resumable, finalUrl, validator, mediaType, digests } = facts;
  return { kind: 'http', name, files: [{ path: name, sizeBytes }], resumable, finalUrl, validator, mediaType, digests };
}
