/** The forms of the secrets we hand out: one-time codes that are typed by hand, and tokens that are pasted. */
import type { Random } from '#core/random.ts';
import type { Secrets } from '#core/secrets.ts';

/** Crockford's base32: no I, L, O and U, so that a code can be read out loud. */
const crockford = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const base62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** What a secret is for can be seen from its first letters. */
const prefixes = { token: 'fl_', join: 'fj_', worker: 'fw_' } as const;
type Purpose = keyof typeof prefixes;
/** 62^43 is more than 2^256. */
const tokenLength = 43;
const checksumLength = 6;

/** 60 bits as XXXX-XXXX-XXXX. */
export function newClaimCode(random: Random): string {
  const letters = Array.from(random.bytes(12), (byte) => crockford[byte % 32]).join('');
  return `${letters.slice(0, 4)}-${letters.slice(4, 8)}-${letters.slice(8)}`;
}

/** What was typed, as it was printed: small letters, spaces and look-alikes are forgiven. */
export function readClaimCode(text: string): string {
  const letters = text
    .toUpperCase()
    .replace(/[^0-9A-Z]/g, '')
    .replace(/O/g, '0')
    .replace(/[IL]/g, '1');
  return `${letters.slice(0, 4)}-${letters.slice(4, 8)}-${letters.slice(8)}`;
}

/** 256 bits for a cookie. */
export function newSessionSecret(random: Random): string {
  return toBase62(random.bytes(32), tokenLength);
}

/** A prefix, 256 bits and a checksum: scanners for leaked secrets find it, and a mistyped one never reaches the store. */
export function newKey(purpose: Purpose, random: Random, secrets: Secrets): string {
  const body = prefixes[purpose] + toBase62(random.bytes(32), tokenLength);
  return body + checksumOf(body, secrets);
}

export function isKey(purpose: Purpose, text: string, secrets: Secrets): boolean {
  if (!text.startsWith(prefixes[purpose]) || !/^f._[0-9A-Za-z]{49}$/.test(text)) return false;
  return text.slice(-checksumLength) === checksumOf(text.slice(0, -checksumLength), secrets);
}

function checksumOf(body: string, secrets: Secrets): string {
  const digest = Uint8Array.fromHex(secrets.sha256(body));
  return toBase62(digest.subarray(0, 4), checksumLength);
}

function toBase62(bytes: Uint8Array, length: number): string {
  let number = BigInt(`0x${bytes.toHex()}`);
  let text = '';
  while (number > 0n) {
    text = base62[Number(number % 62n)] + text;
    number /= 62n;
  }
  return text.padStart(length, '0');
}
