import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { tempFolder } from '#testing/temp.ts';
import { startChild } from './child.ts';

const searchPath = '/usr/bin:/bin';

test('a program gets its words as they are, and a bare environment', async (t) => {
  const folder = tempFolder(t);
  const child = await startChild({ command: 'sh', args: ['-c', 'env; echo "$0"', '$(id); `id`'], folder, searchPath });
  const [said, { code }] = await Promise.all([text(child.stdout), child.done]);
  const lines = said.trim().split('\n');
  assert.equal(code, 0);
  assert.equal(lines.pop(), '$(id); `id`');
  const names = lines.map((line) => line.split('=')[0]).filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name ?? ''));
  assert.deepEqual(names.sort(), ['HOME', 'LANG', 'PATH']);
});

test('a program that is not there is told of in a sentence', async (t) => {
  const wish = { command: 'no-such-program', args: [], folder: tempFolder(t), searchPath };
  await assert.rejects(startChild(wish), { code: 'tool_missing', message: /no-such-program cannot be started/ });
});

test('what a program started ends with it', async (t) => {
  const folder = tempFolder(t);
  const child = await startChild({ command: 'sh', args: ['-c', 'sleep 600 & echo $!; wait'], folder, searchPath });
  const grandchild = await new Promise<number>((resolve) => child.stdout.once('data', (chunk) => resolve(Number(chunk))));
  child.kill('SIGKILL');
  assert.equal((await child.done).signal, 'SIGKILL');
  // It is gone, or a zombie that waits for its reaper.
  const isGone = () => {
    try {
      process.kill(grandchild, 0);
      return false;
    } catch {
      return true;
    }
  };
  for (let attempt = 0; attempt < 200 && !isGone(); attempt++) await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(isGone());
  child.kill('SIGTERM');
});

test('with a channel messages go both ways', async (t) => {
  const folder = tempFolder(t);
  writeFileSync(join(folder, 'echo.mjs'), "process.on('message', (m) => process.send({ ...m, seen: true }));");
  const child = await startChild({ command: process.execPath, args: [join(folder, 'echo.mjs')], folder, hasChannel: true });
  child.stdout.resume();
  child.stderr.resume();
  const answered = new Promise((resolve) => child.onMessage(resolve));
  child.send({ bytes: Uint8Array.of(1, 2, 3) });
  assert.deepEqual(await answered, { bytes: Uint8Array.of(1, 2, 3), seen: true });
  child.kill('SIGTERM');
  await child.done;
  child.send({});
});
