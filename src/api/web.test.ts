import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { tempFolder } from '#testing/temp.ts';
import { startApi } from './testing/start-api.ts';

const scope = { after };
const webRoot = tempFolder(scope);
mkdirSync(join(webRoot, 'assets'));
writeFileSync(join(webRoot, 'index.html'), '<!doctype html><title>page</title>');
writeFileSync(join(webRoot, 'icon.svg'), '<svg/>');
writeFileSync(join(webRoot, '.secret'), 'hidden');
writeFileSync(join(webRoot, 'assets', 'index-abc123.js'), 'export {};');
const built = await startApi(scope, { webRoot });
const unbuilt = await startApi(scope, { webRoot: join(webRoot, 'missing') });

const html = { accept: 'text/html,application/xhtml+xml' };
const get = (path: string, headers: Record<string, string> = {}, base = built.base) => fetch(base + path, { headers });

for (const [path, headers, status, cache] of [
  ['/', html, 200, 'no-cache'],
  ['/index.html', html, 200, 'no-cache'],
  ['/downloads/7', html, 200, 'no-cache'],
  ['/icon.svg', {}, 200, 'no-cache'],
  ['/assets/index-abc123.js', {}, 200, 'public, max-age=31536000, immutable'],
  ['/assets/index-other.js', {}, 404, null],
  ['/downloads/7', {}, 404, null],
  ['/.secret', {}, 404, null],
  ['/../package.json', {}, 404, null],
  ['/%2e%2e/package.json', {}, 404, null],
  ['/api/v1/nothing', html, 404, null],
  ['/api', html, 404, null],
  ['//evil.example/', html, 404, null],
  ['/a%00b', html, 404, null],
  ['/assets/..%5c..%5cpackage.json', html, 404, null],
] as [string, Record<string, string>, number, string | null][]) {
  test(`${path} for ${headers.accept ?? 'a script'} is ${status}`, async () => {
    const response = await get(path, headers);
    assert.equal(response.status, status);
    if (cache !== null) assert.equal(response.headers.get('cache-control'), cache);
    else assert.equal(response.headers.get('content-type'), 'application/problem+json; charset=utf-8');
    assert.match(response.headers.get('content-security-policy') ?? '', /default-src 'none'/);
  });
}

test('an address of the page is only for reading', async () => {
  const response = await fetch(`${built.base}/downloads/7`, { method: 'POST', headers: html });
  assert.equal(response.status, 404);
});

test('a page that was not built says how to build it', async () => {
  const response = await get('/', html, unbuilt.base);
  assert.equal(response.status, 503);
  assert.match(await response.text(), /npm run build/);
  assert.equal((await get('/healthz', {}, unbuilt.base)).status, 200);
});
