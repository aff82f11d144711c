import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { parseChecksum } from './checksum.ts';
import { FlotillaError } from './errors.ts';

const [md5, sha1, sha256, sha512] = [32, 40, 64, 128].map((length) => 'a1'.repeat(length / 2)) as [
  string,
  string,
  string,
  string,
];

const cases: [text: string, algorithm: string, hex: string][] = [
  [`sha-256=${sha256}`, 'sha-256', sha256],
  [`sha256:${sha256}`, 'sha-256', sha256],
  [`SHA256=${sha256.toUpperCase()}`, 'sha-256', sha256],
  [`  ${sha256}\n`, 'sha-256', sha256],
  [md5, 'md5', md5],
  [`md5:${md5}`, 'md5', md5],
  [sha1, 'sha-1', sha1],
  [`sha1=${sha1}`, 'sha-1', sha1],
  [`sha-512=${sha512}`, 'sha-512', sha512],
];
for (const [text, algorithm, hex] of cases) {
  test(`${JSON.stringify(text.slice(0, 20))} of ${text.length} characters is read as ${algorithm}`, () => {
    assert.deepEqual(parseChecksum(text), { algorithm, hex });
  });
}

const refused = [
  '',
  'sha-256=',
  'nonsense',
  `sha-256=${md5}`,
  `md5=${sha256}`,
  `crc32=${md5}`,
  `${sha256}a`,
  `${md5}  file.iso`,
];
for (const text of [...refused, `constructor=${md5}`, `__proto__=${md5}`]) {
  test(`${JSON.stringify(text.slice(0, 30))} is refused with what a checksum looks like`, () => {
    assert.throws(() => parseChecksum(text), {
      code: 'link_invalid',
      message: /is not a checksum\. It looks like sha-256=HEX/,
    });
  });
}

test('whatever comes in, it is a whole digest or refused in words', () => {
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.stringMatching(/^[a-z0-9-]{0,9}[=:]?[0-9a-f]{30,66}$/)), (text) => {
      try {
        const { algorithm, hex } = parseChecksum(text);
        assert.equal(hex.length, { md5: 32, 'sha-1': 40, 'sha-256': 64, 'sha-512': 128 }[algorithm]);
      } catch (error) {
        assert.ok(error instanceof FlotillaError, String(error));
      }
    }),
  );
});
