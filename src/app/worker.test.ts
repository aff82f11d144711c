import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainHttpWarning } from './worker.ts';

const quiet = [
  'https://flotilla.example',
  'http://localhost:3568',
  'http://127.0.0.1',
  'http://192.168.1.5:3568',
  'http://[fd00::1]',
];
for (const origin of quiet) {
  test(`${origin} is safe enough to be silent about`, () => assert.equal(plainHttpWarning(origin), null));
}
for (const origin of ['http://flotilla.example', 'http://93.184.216.34:3568', 'http://[2606:2800:21f::1]']) {
  test(`whoever joins ${origin} is warned`, () =>
    assert.match(plainHttpWarning(origin) ?? '', /is not encrypted: .* Use https/));
}
