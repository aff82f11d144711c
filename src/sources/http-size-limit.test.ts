import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fetchInto } from '#testing/fetch-into.ts';
import { type Behaviour, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { tempFolder } from '#testing/temp.ts';
import type { Fetch } from '#transfer/fetch-file.ts';
import { http } from './http.ts';

const body = sampleBytes(3_000_000, 11);

test('a file that says it is too large is refused before its bytes come', async (t) => {
  const server = await serveHostile(t, { body });
  const folder = tempFolder(t);
  const url = server.url('plain', { bytesPerSecond: 200_000 });
  await assert.rejects(fetchInto(http, folder, url, { mostBytes: body.length - 1 }), {
    code: 'too_large',
    message: /It has 2\.86 MiB, and not the 2\.86 MiB that a download may have here/,
  });
  assert.ok(!statSync(join(folder, '0.part'), { throwIfNoEntry: false }));
});

for (const behaviour of ['chunked', 'no-length'] satisfies Behaviour[]) {
  test(`${behaviour}: a file that turns out too large is cut off where the limit is, by a chunk at most`, async (t) => {
    const server = await serveHostile(t, { body });
    const folder = tempFolder(t);
    const mostBytes = 1_000_000;
    let fetch: Fetch | undefined;
    const begun = (started: Fetch) => {
      fetch = started;
    };
    const run = fetchInto(http, folder, server.url(behaviour), { mostBytes, begun });
    await assert.rejects(run, { code: 'too_large', message: /larger than the 977 KiB/ });
    const { doneBytes = 0 } = fetch?.progress() ?? {};
    assert.ok(doneBytes <= mostBytes && doneBytes > mostBytes - 64 * 1024, `${doneBytes} bytes were kept`);
    assert.ok(statSync(join(folder, '0.part')).size <= mostBytes);
  });
  test(`${behaviour}: a file that is just as large as allowed comes whole`, async (t) => {
    const server = await serveHostile(t, { body });
    const { bytes } = await fetchInto(http, tempFolder(t), server.url(behaviour), { mostBytes: body.length });
    assert.ok(bytes.equals(body));
  });
}
