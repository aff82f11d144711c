/** Finds out what is behind a link, and which source it is for. */
import { type ErrorCode, FlotillaError } from '#core/errors.ts';
import { readFrom } from '#core/read-body.ts';
import type { RequestOptions } from '#core/request.ts';
import { type Detected, linkOfFile, type Resolution } from '#core/resolution.ts';
import { type Asked, type Seen, type Source, type SourceContext, sessionOf } from '#core/source.ts';
import { sourceOf, sourceOfKind, sources } from './index.ts';

export type Question = Asked & {
  link: URL;
  request: RequestOptions;
  /** The kind that a person chose; absent: it is found out. */
  as?: string;
};

/** A document for another source is not larger. */
export const mostDocumentBytes = 10 * 1024 * 1024;
const peekBytes = 512;

/**
 * The source of the scheme answers first; what it finds may be for another one, which is asked then. Throws what the source
 * throws, `scheme_unknown`, or `unsupported` for a kind that there is not.
 */
export async function detect(context: SourceContext, question: Question, signal: AbortSignal): Promise<Detected> {
  const { link, request, as, ...asked } = question;
  if (as !== undefined) return sourceOfKind(as).probe(context, link, request, signal, asked);
  if (asked.document !== undefined) {
    const seen = { mediaType: null, name: null, firstBytes: asked.document.subarray(0, peekBytes) };
    return (recognise(seen) ?? sourceOf(link)).probe(context, link, request, signal, asked);
  }
  const source = sourceOf(link);
  const resolution = await source.probe(context, link, request, signal, asked);
  const other = await recogniseFound(context, source, question, resolution, signal);
  if (other !== null) return other.probe(context, link, request, signal, asked);
  const { mediaType, name } = resolution;
  const guessed = await guess(context, { mediaType, name, firstBytes: new Uint8Array() });
  if (guessed === null) return resolution;
  if (!(await isReadyHere(context, guessed))) return { ...resolution, mightBe: guessed.kind };
  try {
    return await guessed.probe(context, link, request, signal, asked);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof FlotillaError) || tellsMore.has(error.code)) throw error;
    return resolution;
  }
}

/** Failures of a guess that show that it was right: there is something for that source, but not now or not for everybody. */
const tellsMore = new Set<ErrorCode>(['auth_required', 'busy']);

/** The source for what another one found; null: none but that one. */
export function recognise(seen: Seen): Source | null {
  return sources.find((source) => source.recognises?.(seen) ?? false) ?? null;
}

/** The source that may find more there than another one did, whether it is ready or not; null: none. */
export async function guess(context: SourceContext, seen: Seen): Promise<Source | null> {
  for (const source of sources) if (await source.guesses?.(context, seen)) return source;
  return null;
}

export async function isReadyHere(context: SourceContext, source: Source): Promise<boolean> {
  return source.isReady?.(context) ?? true;
}

async function recogniseFound(
  context: SourceContext,
  source: Source,
  { link, request }: Question,
  { mediaType, name, files }: Resolution,
  signal: AbortSignal,
): Promise<Source | null> {
  const [file] = files;
  if (source.openSession === undefined || file === undefined || files.length !== 1) return null;
  const seen = { mediaType, name, firstBytes: new Uint8Array() };
  const byName = recognise(seen);
  if (byName !== null || !isVague(mediaType) || (file.sizeBytes ?? 0) > mostDocumentBytes) return byName;
  return recognise({ ...seen, firstBytes: await peek(context, source, linkOfFile(file, link), request, signal) });
}

/** Do media type and name say so little that only the bytes themselves tell what it is? */
export function isNameless(mediaType: string | null, name: string, sizeBytes: number | null): boolean {
  const hasExtension = /\.(?!php|aspx?|jsp|cgi)[a-z0-9]{1,10}$/i.test(name);
  return isVague(mediaType) && !hasExtension && (sizeBytes ?? 0) <= mostDocumentBytes;
}

/** Does the media type say nothing about the bytes? */
function isVague(mediaType: string | null): boolean {
  return mediaType === null || /^(?:application|binary)\/(?:octet-stream|x-download|force-download)$/.test(mediaType);
}

async function peek(
  context: SourceContext,
  source: Source,
  link: URL,
  request: RequestOptions,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const bytes = await readFrom(context, sessionOf(source, context, link, request), peekBytes, signal);
  return bytes.subarray(0, peekBytes);
}
