import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { startProcess } from '#testing/process.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { tempFolder } from '#testing/temp.ts';
import { until } from '#testing/until.ts';
import { systemFiles as files } from './system.ts';

test('a new file with a text is whole or not there, and never takes the place of another', async (t) => {
  const folder = tempFolder(t);
  const path = join(folder, 'a');
  assert.deepEqual(await Promise.all([files.makeNew(path, 'one'), files.makeNew(path, 'two')]), [true, false]);
  assert.equal(readFileSync(path, 'utf8'), 'one');
  assert.equal(await files.makeNew(path), false);
  assert.deepEqual(readdirSync(folder), ['a'], 'no draft is left');
});

test('a copy is whole, and one that is stopped leaves nothing', async (t) => {
  const folder = tempFolder(t);
  const [from, to] = [join(folder, 'from'), join(folder, 'to')];
  const bytes = sampleBytes(20 * 1024 * 1024, 9);
  writeFileSync(from, bytes);
  writeFileSync(to, 'what a killed copy left');
  await files.copy(from, to, new AbortController().signal);
  assert.ok(readFileSync(to).equals(bytes));
  const stop = new AbortController();
  const reason = new Error('stopped');
  setTimeout(() => stop.abort(reason), 1);
  await assert.rejects(files.copy(from, to, stop.signal), reason);
  assert.deepEqual(readdirSync(folder), ['from']);
});

test('an identity is that of the bytes, whatever they are called', async (t) => {
  const folder = tempFolder(t);
  const [one, two] = [join(folder, 'one'), join(folder, 'two')];
  await files.makeNew(one, 'a');
  const before = await files.identityOf(one);
  assert.ok(await files.sharesDisk(one, folder));
  assert.ok(await files.claimName(one, two));
  assert.equal(await files.identityOf(two), before);
  assert.equal(await files.identityOf(one), null);
  await files.makeNew(one, 'a');
  assert.notEqual(await files.identityOf(one), before);
  assert.deepEqual(readdirSync(folder).sort(), ['one', 'two'], 'no trial is left');
});

test('a line for which there is no room is not there at all', async (t) => {
  const path = join(tempFolder(t), 'journal');
  // Files of this shell may have 512 bytes, or 1024: the second line fits in part.
  const code = `
    import { systemFiles } from ${JSON.stringify(join(import.meta.dirname, 'system.ts'))};
    const part = systemFiles.openPart(${JSON.stringify(path)});
    for (const line of ['a'.repeat(299), 'b'.repeat(899), 'c'.repeat(99)]) {
      try {
        part.append(line + '\\n');
      } catch (error) {
        console.log(error.code);
      }
    }`;
  const args = ['-c', 'ulimit -f 1; exec "$@"', 'sh', process.execPath, '--input-type=module', '-e', code];
  const { stdout, stderr } = spawnSync('sh', args, { env: { ...process.env, NODE_COMPILE_CACHE: undefined } });
  assert.equal(stdout.toString(), 'no_space\n', stderr.toString());
  assert.match(readFileSync(path, 'utf8'), /^a{299}\nc{99}\n$/);
  assert.throws(() => files.openPart('/dev/full').append('x'), { code: 'no_space' });
});

test('a folder is made with those above it, also twice at once, and not where none can be', async (t) => {
  const folder = join(tempFolder(t), 'a/b/c');
  await Promise.all([files.makeFolder(folder), files.makeFolder(folder)]);
  await files.makeFolder(folder);
  const file = join(folder, 'file');
  writeFileSync(file, '');
  for (const path of [file, join(file, 'inner'), '/proc/none', '/proc/none/inner'])
    await assert.rejects(files.makeFolder(path), { code: 'not_writable' }, path);
});

test('a process that was killed is gone, whether or not its parent has asked', {
  skip: process.platform !== 'linux',
}, async (t) => {
  // The shell becomes a program that asks nobody.
  const parent = await startProcess(t, 'sh', ['-c', 'sleep 300 & echo "child $!"; exec sleep 300'], { ready: /child \d+\n/ });
  const child = Number(/child (\d+)/.exec(parent.stdout)?.[1]);
  assert.ok(files.isOtherProcess(parent.pid) && files.isOtherProcess(child));
  process.kill(child, 'SIGKILL');
  await until(() => !files.isOtherProcess(child), 'the killed process counts as gone');
  assert.ok(existsSync(`/proc/${child}`), 'its parent has not asked yet');
});

test('the disk of a folder is told, and its room', async (t) => {
  const folder = tempFolder(t);
  const space = await files.space(folder);
  assert.ok(space.freeBytes > 0 && space.freeBytes <= space.sizeBytes);
  assert.equal((await files.space(join(folder, '..'))).disk, space.disk);
  await assert.rejects(files.space(join(folder, 'none')), { code: 'not_writable' });
});
