/** `npm run dev`: the server, the page with hot reload, a sample file server and a few downloads to look at. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { serveSamples } from './sample-server.ts';

const root = join(import.meta.dirname, '..');
const port = 3568;
const token = 'for-development-only';
const mebibyte = 2 ** 20;
const children: ChildProcess[] = [];

const { server, origin } = await serveSamples([
  { name: 'holiday-film.mkv', sizeBytes: 700 * mebibyte, bytesPerSecond: 2 * mebibyte },
  { name: 'Конференция 2026.mp4', sizeBytes: 90 * mebibyte, bytesPerSecond: mebibyte },
  { name: 'small.txt', sizeBytes: 4321, bytesPerSecond: mebibyte },
  { name: 'image.iso', sizeBytes: 40 * mebibyte, bytesPerSecond: 3 * mebibyte },
]);

const environment = {
  ...process.env,
  FLOTILLA_DATA: join(root, '.flotilla/dev'),
  FLOTILLA_PORT: String(port),
  FLOTILLA_NET_ALLOW: '127.0.0.0/8',
  FLOTILLA_BOOTSTRAP_TOKEN: token,
};
start(process.execPath, ['--watch-path=src', '--watch-preserve-output', 'src/main.ts', 'serve'], environment);
start(join(root, 'node_modules/.bin/vite'), ['web', '--clearScreen', 'false'], process.env);

process.once('SIGINT', stop);
process.once('SIGTERM', stop);

await untilReady();
const links = ['holiday-film.mkv', 'Конференция 2026.mp4', 'small.txt', 'image.iso', 'missing.bin'];
await fetch(`http://127.0.0.1:${port}/api/v1/downloads/batch`, {
  method: 'POST',
  headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
  body: JSON.stringify({ links: links.map((name) => ({ url: `${origin}/${encodeURIComponent(name)}` })) }),
});
process.stderr.write(
  `\nSample files are at ${origin}; the API takes the token ${token}.\nThe page with hot reload is the address that vite prints above.\n`,
);

function start(command: string, args: string[], env: NodeJS.ProcessEnv): void {
  const child = spawn(command, args, { cwd: root, env, stdio: 'inherit' });
  child.once('exit', stop);
  children.push(child);
}

function stop(): void {
  for (const child of children) child.kill('SIGTERM');
  server.closeAllConnections();
  server.close();
}

async function untilReady(): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const answer = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => null);
    if (answer?.ok) return;
    await sleep(200);
  }
}
