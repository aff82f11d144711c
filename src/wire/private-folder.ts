import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A new folder that only we may look into, for what is not kept. */
export async function privateFolder(): Promise<{ path: string; remove(): Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), 'flotilla-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}
