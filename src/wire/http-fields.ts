/** Readers of single header fields. Each is strict: what cannot be read is as good as absent, never a wrong number. */
import type { Digest, DigestAlgorithm } from '#core/resolution.ts';

export type ContentRange = { startByte: number; endByte: number; sizeBytes: number | null };

/** `bytes 0-99/200` (RFC 9110 section 14.4), with the end left out of the range as everywhere here; null when senseless. */
export function parseContentRange(value: string): ContentRange | null {
  const match = /^bytes\s+(\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(value.trim());
  if (match === null) return null;
  const startByte = Number(match[1]);
  const endByte = Number(match[2]) + 1;
  const sizeBytes = match[3] === '*' ? null : Number(match[3]);
  if (startByte >= endByte || !Number.isSafeInteger(endByte)) return null;
  if (sizeBytes !== null && (endByte > sizeBytes || !Number.isSafeInteger(sizeBytes))) return null;
  return { startByte, endByte, sizeBytes };
}

/** What a 416 answer says (`bytes`, a star for the range, the size): the size of the file; null when it does not say. */
export function parseUnsatisfiedRange(value: string): number | null {
  const match = /^bytes\s+\*\/(\d{1,15})$/i.exec(value.trim());
  return match === null ? null : Number(match[1]);
}

/** Retry-After (RFC 9110 section 10.2.3), seconds or a date, as a wait of at most a day; null when senseless. */
export function parseRetryAfterMs(value: string, nowMs: number): number | null {
  const text = value.trim();
  const waitMs = /^\d{1,9}$/.test(text) ? Number(text) * 1000 : Date.parse(text) - nowMs;
  return Number.isNaN(waitMs) ? null : Math.min(Math.max(0, waitMs), 86_400_000);
}

/** Names of digest algorithms in header fields (RFC 9530, RFC 3230) and in what people type. */
const algorithms: Record<string, { algorithm: DigestAlgorithm; byteCount: number }> = {
  md5: { algorithm: 'md5', byteCount: 16 },
  sha: { algorithm: 'sha-1', byteCount: 20 },
  'sha-1': { algorithm: 'sha-1', byteCount: 20 },
  'sha-256': { algorithm: 'sha-256', byteCount: 32 },
  'sha-512': { algorithm: 'sha-512', byteCount: 64 },
};

/** `Repr-Digest: sha-256=:base64:, …` (RFC 9530). Unknown algorithms and malformed values are left out. */
export function parseReprDigest(value: string): Digest[] {
  return parseDigests(value, /^([\w-]+)=:([A-Za-z0-9+/]+={0,2}):$/);
}

/** `Digest: SHA-256=base64, …` (RFC 3230), which older mirrors send. */
export function parseOldDigest(value: string): Digest[] {
  return parseDigests(value, /^([\w-]+)=([A-Za-z0-9+/]+={0,2})$/);
}

function parseDigests(value: string, pattern: RegExp): Digest[] {
  const digests: Digest[] = [];
  for (const part of value.split(',', 20)) {
    const match = pattern.exec(part.trim());
    const known = match && algorithms[(match[1] as string).toLowerCase()];
    if (!known) continue;
    const bytes = Buffer.from((match as RegExpExecArray)[2] as string, 'base64');
    if (bytes.length === known.byteCount) digests.push({ algorithm: known.algorithm, hex: bytes.toString('hex') });
  }
  return digests;
}
