/** Brings the bytes of a download into scratch. */
import { parseLink } from '#core/link.ts';
import { linkOfFile, onlyLinkedFile } from '#core/resolution.ts';
import { fetchByEngine } from './fetch-by-engine.ts';
import { fetchMany } from './fetch-many.ts';
import { fetchOne } from './fetch-one.ts';
import type { RunTask } from './parts.ts';

export const runFetch: RunTask<'fetch'> = async (claim, context) => {
  const { link, options, resolution } = claim;
  const kind = options.as ?? resolution?.kind;
  const { sourceOf, sourceOfKind } = context.parts;
  const source = kind === undefined ? sourceOf(parseLink(link)) : sourceOfKind(kind);
  if (source.run !== undefined) return fetchByEngine(source, claim, context);
  const only = resolution === null ? null : onlyLinkedFile(resolution);
  if (only !== null) return fetchOne(source, { ...claim, link: linkOfFile(only, parseLink(link)).href }, context);
  if (resolution?.files.some((file) => file.link !== undefined)) return fetchMany(resolution, claim, context);
  return fetchOne(source, claim, context);
};
