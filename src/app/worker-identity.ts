/** Who a worker is, kept in its data folder for its owner's eyes only. */
import { join } from 'node:path';
import { z } from 'zod';
import { enrol } from '#client/worker-plane.ts';
import { newWorkerKey } from '#control/enrolment.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Files } from '#core/files.ts';
import type { Random } from '#core/random.ts';
import type { Secrets } from '#core/secrets.ts';

export type Identity = { origin: string; workerId: string; key: string };

/** `joinKey` made it. */
const stored = z.strictObject({ origin: z.string(), workerId: z.string(), key: z.string(), joinKey: z.string() });
const joining = z.strictObject({ joinKey: z.string(), key: z.string() });

export type IdentityParts = { files: Files; random: Random; secrets: Secrets };

/**
 * The identity in that folder; with a one-time key that is new, a new one is asked for. May be called again after a fault:
 * our own key is written down before it is shown to the server, so that an answer that was lost is given once more.
 * Throws `link_invalid` when it cannot know who it is, `auth_required` when the one-time key is worth nothing.
 */
export async function openIdentity(
  parts: IdentityParts,
  folder: string,
  { join: origin, key: joinKey }: { join: string | null; key: string | null },
): Promise<Identity> {
  const path = join(folder, 'worker.json');
  const known = await readJson(parts.files, path, stored);
  if (joinKey !== null && joinKey !== known?.joinKey) {
    if (origin === null) throw new FlotillaError('link_invalid', notJoined);
    const begun = join(folder, 'worker-joining.json');
    const { workerId, key } = await joinServer(parts, begun, origin, joinKey);
    await writeJson(parts.files, path, { origin, workerId, key, joinKey } satisfies z.output<typeof stored>);
    await parts.files.remove(begun);
    return { origin, workerId, key };
  }
  if (known === null) throw new FlotillaError('link_invalid', notJoined);
  const { workerId, key } = known;
  // The server may have moved; the key is still ours.
  if (origin !== null && origin !== known.origin) await writeJson(parts.files, path, { ...known, origin });
  return { origin: origin ?? known.origin, workerId, key };
}

/** What is known of an earlier server stays until this one has answered. */
async function joinServer({ files, random, secrets }: IdentityParts, path: string, origin: string, joinKey: string) {
  const begun = await readJson(files, path, joining);
  const key = begun?.joinKey === joinKey ? begun.key : newWorkerKey(random, secrets);
  if (begun?.joinKey !== joinKey) await writeJson(files, path, { joinKey, key } satisfies z.output<typeof joining>);
  const { workerId } = await enrol(origin, { key: joinKey, secret: key });
  return { workerId, key };
}

const notJoined =
  'This machine has not joined a server yet. Copy the command from "Add worker" on the Workers page: it has --join and --key.';

async function readJson<Shape extends z.ZodType>(files: Files, path: string, shape: Shape): Promise<z.output<Shape> | null> {
  const text = await files.readText(path);
  if (text === null) return null;
  try {
    return shape.parse(JSON.parse(text));
  } catch (cause) {
    throw new FlotillaError('unsupported', `${path} is damaged. Move it away and let the machine join again.`, { cause });
  }
}

function writeJson(files: Files, path: string, value: object): Promise<void> {
  return files.writeText(path, `${JSON.stringify(value)}\n`);
}
