import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * Whatever helpers hang their clean-up on: a test's context, `{ after }` from node:test for a whole file, or a benchmark's
 * own list.
 */
export type Scope = { after(release: () => unknown): void };

/** The releases of each scope. Weak, so that a finished test is forgotten with its context. */
const releasesOfScope = new WeakMap<Scope, (() => unknown)[]>();

/**
 * Runs `release` after the test, the newest first. node:test runs `after` hooks in the order they were added, which would
 * remove a folder while the process that was started later still writes into it.
 */
export function releaseAfter(t: Scope, release: () => unknown): void {
  const known = releasesOfScope.get(t);
  if (known) {
    known.push(release);
    return;
  }
  const releases = [release];
  releasesOfScope.set(t, releases);
  t.after(() => releaseAll(releases));
}

/** A new empty folder, removed with all it holds after the test. */
export function tempFolder(t: Scope): string {
  const folder = mkdtempSync(join(tmpdir(), 'flotilla-test-'));
  releaseAfter(t, () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return folder;
}

/** Below those that the system gives to outgoing connections, where any of them may sit on a port that was free a moment ago. */
const firstPort = 12_000;
const portCount = 18_000;
/** Processes that run side by side begin far from each other. */
let nextPort = (process.pid * 7919) % portCount;

/** A TCP port on 127.0.0.1 that was free a moment ago. Someone may take it before you do: check who listens. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < portCount; attempt++) {
    const port = firstPort + nextPort;
    nextPort = (nextPort + 1) % portCount;
    if (await isFree(port)) return port;
  }
  throw new Error('no port is free');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/** One failing release must not keep the others from running: the first error is thrown at the end. */
async function releaseAll(releases: (() => unknown)[]): Promise<void> {
  const errors: unknown[] = [];
  for (const release of releases.reverse()) {
    try {
      await release();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw errors[0];
}
