import assert from 'node:assert/strict';
import { utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Validator } from '#core/resolution.ts';
import type { SourceFacts } from '#core/source.ts';
import { noServices } from '#testing/no-services.ts';
import { serveNginx } from '#testing/serve-nginx.ts';
import { serveHttpProxy } from '#testing/serve-tunnels.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock } from '#wire/system.ts';
import { http } from './http.ts';

const unknown: Validator = { etag: null, lastModified: null };

test('a server says that nothing changed since a version, on either lane, and what there is when something did', async (t) => {
  const nginx = await serveNginx(t);
  const path = join(nginx.folder, 'file.bin');
  writeFileSync(path, 'first');
  const connections = createKeptConnections();
  t.after(() => connections.close());
  const context = {
    clock: systemClock,
    egress: createEgress({ allow: ['127.0.0.0/8'] }),
    connections,
    connectTimeoutMs: 3000,
    ...noServices,
  };
  const proxy = `http://127.0.0.1:${(await serveHttpProxy(t)).port}`;
  for (const request of [{}, { proxy }]) {
    for (const link of [`${nginx.origin}/file.bin`, `${nginx.origin}/redirect-302/file.bin`].map((url) => new URL(url))) {
      const ask = async (known: Validator) => http.changedSince?.(context, link, request, known, new AbortController().signal);
      const { validator } = (await ask(unknown)) as SourceFacts;
      assert.equal(await ask(validator), null);
      assert.equal(await ask({ ...validator, lastModified: null }), null);
      assert.equal(await ask({ ...validator, etag: null }), null);
      assert.equal(await ask({ ...validator, etag: `W/${validator.etag}` }), null);
      const other = { ...validator, etag: '"another"' };
      assert.deepEqual((await ask(other))?.validator, validator, 'the ETag counts more than the time');
      const later = new Date(Date.now() + 3_600_000);
      writeFileSync(path, 'another one');
      utimesSync(path, later, later);
      const changed = await ask(validator);
      assert.equal(changed?.sizeBytes, 11);
      writeFileSync(path, 'first');
    }
  }
});
