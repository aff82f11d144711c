import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';

test('a get begins with next to nothing that other kinds of links need', () => {
  // Named exports of node:http make Node load a client of its own. The others are many files each.
  const late =
    /node:https?$|\/(?:zod|ssh2|undici|yaml|webtorrent)\/|\/(?:ftp|sftp|s3)-session|\/yt-dlp\/|\/torrent\/|\/link-list\./;
  const loaded = modulesOf('#app/get/get.ts');
  assert.deepEqual(
    loaded.filter((url) => late.test(url)),
    [],
  );
  assert.ok(loaded.length < 150, `${loaded.length} modules are loaded before a get does anything`);
});

test('the version is told with next to nothing', () => {
  const loaded = modulesOf('#app/program.ts').filter((url) => url.includes('/src/'));
  assert.ok(loaded.length < 12, `${loaded.length} files of ours are loaded to tell the version: ${loaded.join(', ')}`);
});

/** Whatever is loaded, by a process of its own, with that module. */
function modulesOf(module: string): string[] {
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) });
    await import('${module}');`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n');
}
