/**
 * Runs at the end of `npm ci`: loads every part of the program once, so that the first start finds its code compiled.
 * Without it the first run takes twice as long and a third more memory. The launcher names the same folder, and gives the same flag,
 * which is part of the key of what was compiled.
 */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

const parts = [
  '#app/program.ts',
  '#app/get/get.ts',
  '#app/probe.ts',
  '#app/serve.ts',
  '#wire/undici-lane.ts',
  '#wire/ftp-session.ts',
  '#wire/sftp-session.ts',
  '#wire/s3-session.ts',
  '#wire/link-list.ts',
  '#wire/torrent/run.ts',
  '#wire/yt-dlp/run.ts',
  '#store/postgres/postgres.ts',
  '#store/postgres/bus.ts',
  '#worker/worker.ts',
];
for (const part of parts) await import(part);
const thread = new Worker(new URL('../src/wire/digest-thread.ts', import.meta.url));
await once(thread, 'online');
await thread.terminate();
process.exit(0);
