/** All replicas seal with one key: with another one a replica could read nothing of what the others wrote. */
import { FlotillaError } from '#core/errors.ts';
import type { Sealer } from '#core/secrets.ts';
import type { Store } from '#core/store.ts';

export const sealingKeyName = 'sealingKey';
const about = 'the key of this database';

/**
 * Compares the key with the one that the database was written with, at each start. A database of one machine takes a new
 * one: its owner moved the old one away, and was told what that costs. Throws `unsupported` for any other.
 */
export async function checkSealingKey(store: Store, sealer: Sealer, { isShared }: { isShared: boolean }): Promise<void> {
  await store.write(async (tx) => {
    const known = await tx.meta.get(sealingKeyName);
    if (known !== null && sealsWith(sealer, known)) return;
    if (known !== null && isShared) throw new FlotillaError('unsupported', sentence);
    await tx.meta.put(sealingKeyName, sealer.seal(about, about));
  });
}

/** Is it the key that this database was written with? `known` is what it keeps under `sealingKeyName`. */
export function sealsWith(sealer: Sealer, known: string): boolean {
  return sealer.open(known, about) === about;
}

const sentence =
  'The logins and cookies in this database were sealed with another key. Give every replica the same file with --secret-key-file (FLOTILLA_SECRET_KEY_FILE): the one that the first of them made is secret.key in its data folder.';
