/** Bytes of a delivered file: whole or one range, and never as something a browser would run (RFC 9110 sections 13 and 14). */
import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { pipeline, type Readable, Transform } from 'node:stream';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { notFound, Problem } from './problem.ts';
import { sandboxPolicy } from './security-headers.ts';

/** A file that can be read: by its path on this machine, or through a function that opens a range of it. */
export type OpenContent = { name: string; sizeBytes: number; sha256: string | null } & (
  | { path: string }
  | { open(startByte: number, endByte: number): Readable }
);

export type ByteRange = { startByte: number; endByte: number };

export async function sendContent(request: FastifyRequest, reply: FastifyReply, content: OpenContent): Promise<void> {
  const source = await openSource(content);
  try {
    const { sizeBytes, sha256 } = content;
    const etag = sha256 === null ? null : `"sha256-${sha256}"`;
    // A copy that is still good is what was asked for, whatever the range (RFC 9110 section 13.2.2).
    const isKnown = etag !== null && isListed(request.headers['if-none-match'], etag);
    const range = isKnown ? null : chooseRange(request, sizeBytes, etag);
    if (range === 'unsatisfiable') {
      const detail = `The range lies beyond the file, which has ${sizeBytes} bytes.`;
      throw new Problem(416, 'range_unsatisfiable', detail, { headers: { 'content-range': `bytes */${sizeBytes}` } });
    }
    reply.headers({
      'accept-ranges': 'bytes',
      'cache-control': 'private, no-cache',
      'content-disposition': attachment(content.name),
      'content-security-policy': sandboxPolicy,
      'content-type': 'application/octet-stream',
      ...(etag !== null && { etag }),
    });
    if (isKnown) {
      await reply.code(304).send();
      return;
    }
    const { startByte, endByte } = range ?? { startByte: 0, endByte: sizeBytes };
    if (range !== null) reply.code(206).header('content-range', `bytes ${startByte}-${endByte - 1}/${sizeBytes}`);
    reply.header('content-length', endByte - startByte);
    if (request.method === 'HEAD' || startByte === endByte) await reply.send();
    else await reply.send(source.read(startByte, endByte));
  } finally {
    await source.close();
  }
}

/** One `bytes` range of the header. null: there is none that counts, send everything. */
export function parseRange(header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | null {
  // Several ranges would need multipart; answering them with the whole file is allowed (RFC 9110 section 14.2).
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (match === null) return null;
  const [, first = '', last = ''] = match;
  if (first === '') {
    if (last === '') return null;
    const count = Math.min(Number(last), sizeBytes);
    return count === 0 ? 'unsatisfiable' : { startByte: sizeBytes - count, endByte: sizeBytes };
  }
  const startByte = Number(first);
  if (last !== '' && Number(last) < startByte) return null;
  if (startByte >= sizeBytes) return 'unsatisfiable';
  return { startByte, endByte: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) };
}

/** Name for saving, for old readers and for those that know RFC 8187. */
export function attachment(name: string): string {
  const plain = name.replace(/[^\x20-\x7e]|["\\%]/g, '_');
  const encoded = encodeURIComponent(name.toWellFormed()).replace(
    /['()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${plain}"; filename*=UTF-8''${encoded}`;
}

function chooseRange(request: FastifyRequest, sizeBytes: number, etag: string | null): ReturnType<typeof parseRange> {
  // Ranges are for GET alone (section 14.2).
  if (request.method !== 'GET') return null;
  const condition = request.headers['if-range'];
  // A date, or a tag of another version, means: then rather everything (RFC 9110 section 13.1.5).
  if (condition !== undefined && condition !== etag) return null;
  return parseRange(request.headers.range, sizeBytes);
}

function isListed(header: string | undefined, etag: string): boolean {
  const tags = header?.split(',').map((tag) => tag.trim().replace(/^W\//, '')) ?? [];
  return tags.includes(etag) || tags.includes('*');
}

type Source = { read(startByte: number, endByte: number): Readable; close(): Promise<void> };

/** Opened before anything is promised: a file that somebody moved or changed at its place is not the one we delivered. */
async function openSource(content: OpenContent): Promise<Source> {
  if ('open' in content) return { read: content.open, close: async () => {} };
  const handle = await open(content.path, readAtOnce).catch((error: NodeJS.ErrnoException) => {
    if (gone.has(error.code ?? '')) throw notFound('delivered file here');
    const detail = `The file at its destination cannot be read by this server (${error.code}). Look at its rights and its disk.`;
    throw new Problem(409, 'content_unreadable', detail);
  });
  const found = await handle.stat();
  if (!found.isFile() || found.size !== content.sizeBytes) {
    await handle.close();
    throw new Problem(
      409,
      'content_changed',
      'The file at its destination is not the one that was delivered: its size differs.',
    );
  }
  return {
    read(startByte, endByte) {
      const stream = handle.createReadStream({ start: startByte, end: endByte - 1, autoClose: false });
      return whole(stream, endByte - startByte);
    },
    close: () => handle.close(),
  };
}

/** Without waiting: somebody may have put a pipe in the place of the file, and nobody may ever write to it. */
const readAtOnce = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
const gone = new Set(['ENOENT', 'ENOTDIR', 'ELOOP', 'ENAMETOOLONG']);

/** Fails at an end that comes too early, as of a file that is cut while it is read: its reader would wait for the rest for long. */
function whole(stream: Readable, sizeBytes: number): Readable {
  let leftBytes = sizeBytes;
  const counter = new Transform({
    transform(chunk: Buffer, _, done) {
      leftBytes -= chunk.length;
      done(null, chunk);
    },
    flush: (done) => done(leftBytes === 0 ? null : new Error('a delivered file ended early')),
  });
  return pipeline(stream, counter, () => {});
}
