import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { parseContentRange, parseOldDigest, parseReprDigest, parseRetryAfterMs, parseUnsatisfiedRange } from './http-fields.ts';

const contentRanges: [value: string, range: [number, number, number | null] | null][] = [
  ['bytes 0-99/200', [0, 100, 200]],
  ['bytes 0-0/1', [0, 1, 1]],
  ['BYTES 5-9/10', [5, 10, 10]],
  ['  bytes\t5-9/10  ', [5, 10, 10]],
  ['bytes 5-9/*', [5, 10, null]],
  ['bytes 9007199254740989-9007199254740990/9007199254740991', [9007199254740989, 9007199254740991, 9007199254740991]],
  ['bytes 9007199254740990-9007199254740991/*', null],
  ['bytes 0-9999999999999999/*', null],
  ['bytes 0-10/10', null],
  ['bytes 9-5/10', null],
  ['bytes 0-9/0', null],
  ['bytes -5-9/10', null],
  ['bytes */10', null],
  ['bytes=0-9/10', null],
  ['items 0-9/10', null],
  ['bytes 0-9', null],
  ['bytes 0-9/10, bytes 20-29/30', null],
  ['bytes 0x0-0x9/0x10', null],
  ['', null],
];
for (const [value, range] of contentRanges) {
  test(`Content-Range ${JSON.stringify(value)} is ${range === null ? 'as good as none' : range.join(' ')}`, () => {
    const [startByte, endByte, sizeBytes] = range ?? [];
    assert.deepEqual(parseContentRange(value), range === null ? null : { startByte, endByte, sizeBytes });
  });
}

const unsatisfied: [value: string, sizeBytes: number | null][] = [
  ['bytes */0', 0],
  ['bytes */1234', 1234],
  ['bytes */*', null],
  ['bytes */99999999999999999', null],
  ['bytes 0-1/2', null],
  ['', null],
];
for (const [value, sizeBytes] of unsatisfied) {
  test(`416 with ${JSON.stringify(value)} tells the size ${sizeBytes}`, () => {
    assert.equal(parseUnsatisfiedRange(value), sizeBytes);
  });
}

const nowMs = Date.UTC(2026, 10, 1, 12);
const waits: [value: string, waitMs: number | null][] = [
  ['0', 0],
  ['120', 120_000],
  [' 3 ', 3000],
  ['999999999', 86_400_000],
  ['Sun, 01 Nov 2026 12:00:30 GMT', 30_000],
  ['Sunday, 01-Nov-26 12:00:30 GMT', 30_000],
  ['Sun, 01 Nov 2026 11:00:00 GMT', 0],
  ['Fri, 01 Jan 2100 00:00:00 GMT', 86_400_000],
  ['soon', null],
  ['', null],
];
for (const [value, waitMs] of waits) {
  test(`Retry-After ${JSON.stringify(value)} is ${waitMs === null ? 'as good as none' : `${waitMs} ms`}`, () => {
    assert.equal(parseRetryAfterMs(value, nowMs), waitMs);
  });
}

const digestOf = (name: string) => createHash(name).update('file').digest();
const sha256 = digestOf('sha256');
const base64 = sha256.toString('base64');
const promise = { algorithm: 'sha-256', hex: sha256.toString('hex') };
const md5 = { algorithm: 'md5', hex: digestOf('md5').toString('hex') };

const reprDigests: [value: string, digests: object[]][] = [
  [`sha-256=:${base64}:`, [promise]],
  [`SHA-256=:${base64}:`, [promise]],
  [`unixsum=:MTIz:, sha-256=:${base64}:, md5=:${digestOf('md5').toString('base64')}:`, [promise, md5]],
  [`sha-256=${base64}`, []],
  [`sha-256=:${base64.slice(4)}:`, []],
  [`sha-512=:${base64}:`, []],
  ['sha-256=:!!!:', []],
  ['constructor=:AAAA:', []],
  ['', []],
];
for (const [value, digests] of reprDigests) {
  test(`Repr-Digest ${JSON.stringify(value.slice(0, 40))} promises ${digests.length} digests`, () => {
    assert.deepEqual(parseReprDigest(value), digests);
  });
}

test('the older Digest field is read too', () => {
  const sha1 = { algorithm: 'sha-1', hex: digestOf('sha1').toString('hex') };
  assert.deepEqual(parseOldDigest(`SHA-256=${base64},sha=${digestOf('sha1').toString('base64')}`), [promise, sha1]);
  assert.deepEqual(parseOldDigest(`SHA-256=:${base64}:`), []);
});

const number = fc.oneof(
  fc.nat().map(String),
  fc.bigInt({ min: 0n, max: 10n ** 20n }).map(String),
  fc.constantFrom('*', '', '-1', '1e9'),
);
const anything = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc
    .tuple(fc.constantFrom('bytes ', 'bytes */', 'bytes'), number, number, number)
    .map(([unit, a, b, c]) => `${unit}${a}-${b}/${c}`),
  fc.tuple(fc.constantFrom('sha-256', 'md5', 'x'), fc.base64String()).map(([name, value]) => `${name}=:${value}:`),
);

test('whatever comes in, no reader throws and no range is negative, unsafe or reversed', () => {
  fc.assert(
    fc.property(anything, (value) => {
      const range = parseContentRange(value);
      if (range !== null) {
        const { startByte, endByte, sizeBytes } = range;
        assert.ok(0 <= startByte && startByte < endByte && Number.isSafeInteger(endByte));
        assert.ok(sizeBytes === null || (Number.isSafeInteger(sizeBytes) && sizeBytes >= endByte));
      }
      const sizeBytes = parseUnsatisfiedRange(value);
      assert.ok(sizeBytes === null || (Number.isSafeInteger(sizeBytes) && sizeBytes >= 0));
      const waitMs = parseRetryAfterMs(value, nowMs);
      assert.ok(waitMs === null || (waitMs >= 0 && waitMs <= 86_400_000));
      for (const { hex } of [...parseReprDigest(value), ...parseOldDigest(value)]) assert.match(hex, /^([0-9a-f]{2})+$/);
    }),
    { numRuns: 3000 },
  );
});
