import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRequestFlags } from './request-flags.ts';

test('flags become request options, and what is not given is absent', async () => {
  assert.deepEqual(await readRequestFlags({}), {});
  assert.deepEqual(await readRequestFlags({ header: ['A: b'], userAgent: 'x', referer: 'https://example.org/' }), {
    headers: [{ name: 'A', value: 'b' }],
    userAgent: 'x',
    referer: 'https://example.org/',
  });
  await assert.rejects(readRequestFlags({ header: ['Range: bytes=0-1'] }), { code: 'link_invalid' });
});
