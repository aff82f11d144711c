/** Tries what a program that was taken over would try, and tells its parent what it could do. */
import { spawn } from 'node:child_process';
import { lookup } from 'node:dns/promises';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { Worker } from 'node:worker_threads';

const attempts: Record<string, () => unknown> = {
  read: () => readFile('/etc/passwd'),
  write: () => writeFile('/tmp/flotilla-was-here', 'x'),
  writeOwn: () => writeFile(new URL(import.meta.url), 'x'),
  start: () =>
    new Promise((resolve, reject) => {
      spawn('true').once('error', reject).once('spawn', resolve);
    }),
  think: () => new Worker('', { eval: true }),
  connect: () =>
    new Promise((resolve, reject) => {
      connect(9, '127.0.0.1')
        .once('error', (error: NodeJS.ErrnoException) => (error.code === 'ECONNREFUSED' ? resolve(null) : reject(error)))
        .once('connect', resolve);
    }),
  lookup: () => lookup('localhost'),
  fetch: () =>
    fetch('http://127.0.0.1:9/').catch((error) => (error.cause?.code === 'ECONNREFUSED' ? null : Promise.reject(error))),
  compute: () => 1 + 1,
};

const could: string[] = [];
for (const [name, attempt] of Object.entries(attempts)) {
  try {
    await attempt();
    could.push(name);
  } catch {
    // That is how it should be.
  }
}
process.send?.(could);
process.disconnect?.();
