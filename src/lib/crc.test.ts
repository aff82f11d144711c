import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createCrc32c, createCrc64Nvme } from './crc.ts';

const kinds = [
  // The check values of the catalogue of parametrised CRC algorithms.
  { name: 'CRC-32C', create: createCrc32c, check: 'e3069283', empty: '00000000' },
  { name: 'CRC-64/NVME', create: createCrc64Nvme, check: 'ae8b14860a799888', empty: '0000000000000000' },
];
const digits = Buffer.from('123456789');

for (const { name, create, check, empty } of kinds) {
  test(`${name} has its check value`, () => {
    const crc = create();
    crc.update(digits);
    assert.equal(crc.digest(), check);
    assert.equal(create().digest(), empty);
  });

  test(`${name} is the same however the bytes come`, () => {
    const bytes = Buffer.from(Array.from({ length: 1000 }, (_, at) => (at * 131 + (at >> 3)) & 255));
    const whole = create();
    whole.update(bytes);
    const expected = whole.digest();
    for (const step of [1, 3, 7, 8, 9, 64, 999]) {
      const crc = create();
      for (let at = 0; at < bytes.length; at += step) crc.update(bytes.subarray(at, at + step));
      assert.equal(crc.digest(), expected, `in steps of ${step}`);
    }
  });
}

test('CRC-32C of 32 zeros is as in RFC 3720', () => {
  const crc = createCrc32c();
  crc.update(new Uint8Array(32));
  assert.equal(crc.digest(), '8a9136aa');
});
