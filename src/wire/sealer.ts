/** Secrets at rest: AES-256-GCM with a key in a file of its own, so that a copy of the database alone tells nothing. */
import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { FlotillaError } from '#core/errors.ts';
import type { Files } from '#core/files.ts';
import type { Sealer } from '#core/secrets.ts';

const keyBytes = 32;
/** NIST SP 800-38D section 8.2.2: random nonces of 96 bits are good for 2^32 texts of one key. */
const nonceBytes = 12;
const tagBytes = 16;
/** Says how it was done, so that a later way can be told apart. */
const prefix = 'v1.';

export function createSealer(key: Uint8Array): Sealer {
  return {
    seal(text, about) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(Buffer.from(about));
      const hidden = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return prefix + Buffer.concat([nonce, cipher.getAuthTag(), hidden]).toString('base64url');
    },
    open(sealed, about) {
      const bytes = Buffer.from(sealed.slice(prefix.length), 'base64url');
      if (!sealed.startsWith(prefix) || bytes.length < nonceBytes + tagBytes) return null;
      const textStart = nonceBytes + tagBytes;
      try {
        const opener = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes });
        opener.setAAD(Buffer.from(about)).setAuthTag(bytes.subarray(nonceBytes, textStart));
        return Buffer.concat([opener.update(bytes.subarray(textStart)), opener.final()]).toString('utf8');
      } catch {
        return null;
      }
    },
  };
}

/**
 * The sealer with the key of that file, which is made when there is none, for its owner's eyes only.
 * Throws `unsupported` with a sentence when the file holds no key.
 */
export async function openSealer(files: Files, path: string): Promise<Sealer> {
  const text = await files.readText(path);
  const key = text === null ? randomBytes(keyBytes) : Buffer.from(text.trim(), 'base64');
  if (text === null) await files.writeText(path, `${key.toString('base64')}\n`);
  if (key.length === keyBytes) return createSealer(key);
  const message = `The key file ${path} does not hold a key. Restore it from a backup, or move it away: then the logins and cookies of unfinished downloads have to be given again.`;
  throw new FlotillaError('unsupported', message);
}
