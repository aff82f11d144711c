/** What an FTP server says about a file before it sends it (RFC 3659). */

import { readBody } from '#core/read-body.ts';
import type { Sink } from '#core/source.ts';
import type { FtpConnection, FtpOpening, FtpServer } from './ftp-connection.ts';
import { FtpRefused, openTransfer } from './ftp-data.ts';
import { factsOf } from './ftp-listing.ts';

export type FtpSeen = {
  /** The server knows of it. */
  isThere: boolean;
  isFolder: boolean;
  /** null: the server does not say. */
  sizeBytes: number | null;
  /** As HTTP writes it; null: the server does not say. */
  modified: string | null;
};

/** Also finds out, once, whether the server can begin in the middle of a file. */
export async function lookAt(
  opening: FtpOpening,
  connection: FtpConnection,
  path: Buffer,
  signal: AbortSignal,
): Promise<FtpSeen> {
  const seen = (await askMlst(opening, connection, path, signal)) ?? (await askSize(connection, path, signal));
  opening.server.takesRest ??= await canRest(opening, connection, path, seen.sizeBytes, signal);
  return seen;
}

/** One answer for all. null: it does not know the command, or it is no plain file. */
async function askMlst(
  { server }: FtpOpening,
  { control }: FtpConnection,
  path: Buffer,
  signal: AbortSignal,
): Promise<FtpSeen | null> {
  if (!/size/i.test(server.features?.get('MLST') ?? '')) return null;
  const reply = await control.ask(withPath('MLST', path), signal);
  const facts = factsOf(reply.lines[1]?.trim().split(' ')[0] ?? '');
  const type = facts.get('type')?.toLowerCase();
  if (reply.code !== 250 || (type !== 'file' && type !== 'dir')) return null;
  const size = facts.get('size') ?? '';
  const sizeBytes = /^\d{1,15}$/.test(size) ? Number(size) : null;
  return { isThere: true, isFolder: type === 'dir', sizeBytes, modified: timeOf(facts.get('modify') ?? '') };
}

async function askSize({ control }: FtpConnection, path: Buffer, signal: AbortSignal): Promise<FtpSeen> {
  const size = await control.ask(withPath('SIZE', path), signal);
  const sizeBytes = size.code === 213 && /^\d{1,15}$/.test(size.text.trim()) ? Number(size.text) : null;
  const time = await control.ask(withPath('MDTM', path), signal);
  const modified = time.code === 213 ? timeOf(time.text.trim()) : null;
  return { isThere: sizeBytes !== null || modified !== null, isFolder: false, sizeBytes, modified };
}

/** RFC 3659 section 2.3: `YYYYMMDDHHMMSS.sss`, in UTC. */
function timeOf(text: string): string | null {
  const [, year, month, day, hour, minute, second, fraction = ''] =
    /^(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\.\d{1,9})?/.exec(text) ?? [];
  const atMs = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}${fraction}Z`);
  if (Number.isNaN(atMs)) return null;
  return Number(fraction) > 0 ? new Date(atMs).toISOString() : new Date(atMs).toUTCString();
}

/**
 * A server that lists REST among its features means it. Others may say yes to the command and send the whole file all the same,
 * which nobody would notice: they are asked for the last byte and have to send one.
 */
async function canRest(
  opening: FtpOpening,
  connection: FtpConnection,
  path: Buffer,
  sizeBytes: number | null,
  signal: AbortSignal,
): Promise<boolean | null> {
  if (promisesRest(opening.server)) return true;
  // Of no use without a size, and nothing can be learned from a file that has no middle.
  if (sizeBytes === null || sizeBytes < 2) return null;
  let isTaken = false;
  const restart = async () => {
    isTaken = (await connection.control.ask(`REST ${sizeBytes - 1}`, signal)).code < 400;
  };
  try {
    const retrieve = withPath('RETR', path);
    const { stream, isFinal } = await openTransfer(opening, connection, restart, retrieve, signal);
    const { clock, timeoutMs } = opening;
    const body = { pour: async (sink: Sink, both: AbortSignal) => void (await stream.pour(sink, 2, both)) };
    const { length } = await readBody({ clock, connectTimeoutMs: timeoutMs }, body, 2, signal);
    if (!isFinal) await connection.control.reply(signal);
    return isTaken && length === 1;
  } catch (error) {
    // What is wrong with the file itself shows when it is asked for.
    if (error instanceof FtpRefused) return null;
    // It is in the middle of something, and what it says next would be no answer to another question.
    connection.close();
    throw error;
  }
}

/** RFC 3659 section 5.1. */
export function promisesRest({ features }: FtpServer): boolean {
  return /STREAM/i.test(features?.get('REST') ?? '');
}

export async function isFolder({ control }: FtpConnection, path: Buffer, signal: AbortSignal): Promise<boolean> {
  return (await control.ask(withPath('CWD', path), signal)).code < 300;
}

export function withPath(command: string, path: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${command} `), path]);
}
