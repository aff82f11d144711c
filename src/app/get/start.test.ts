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

test('the version is told without reading what every command takes', () => {
  const loaded = modulesOf('#main.ts', '--version');
  assert.ok(!loaded.some((url) => url.includes('/commander/')), loaded.join('\n'));
  assert.match(loaded.at(-1) ?? '', /^\d+\.\d+\.\d+$/);
});

/** Whatever is loaded with that module by a process of its own, and after it what it prints. */
function modulesOf(module: string, ...args: string[]): string[] {
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({ load: (url, context, next) => (console.log(url), next(url, context)) });
    await import('${module}');`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', script, '--', module, ...args], {
    encoding: 'utf8',
    timeout: 60_000,
  });
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n');
}
