import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sameVersion, strongEtag } from './resolution.ts';

type Short = [etag: string | null, lastModified: string | null];
const [monday, tuesday] = ['Mon, 05 Jan 2026 00:00:00 GMT', 'Tue, 06 Jan 2026 00:00:00 GMT'];

const cases: [a: Short, b: Short, isSame: boolean, why: string][] = [
  [['"1"', monday], ['"1"', monday], true, 'everything is the same'],
  [['"1"', monday], ['"1"', tuesday], true, 'strong ETags decide when both have one'],
  [['"1"', monday], ['"2"', monday], false, 'strong ETags differ'],
  [['W/"1"', monday], ['W/"1"', monday], true, 'dates are the same'],
  [['W/"1"', monday], ['W/"2"', monday], true, 'weak ETags prove nothing about bytes'],
  [['W/"1"', monday], ['W/"1"', tuesday], false, 'dates differ, whatever weak ETags say'],
  [['"1"', monday], ['W/"1"', monday], true, 'one is weak, so dates decide'],
  [['"1"', monday], ['W/"1"', tuesday], false, 'one is weak, so dates decide'],
  [[null, monday], [null, tuesday], false, 'dates differ'],
  [['"1"', null], [null, monday], true, 'nothing can be compared'],
  [[null, null], ['"1"', monday], true, 'an answer without validators is no proof of a change'],
  [[null, null], [null, null], true, 'there is nothing to compare'],
];
const validator = ([etag, lastModified]: Short) => ({ etag, lastModified });
for (const [a, b, isSame, why] of cases) {
  test(`${a} and ${b} are ${isSame ? 'one version' : 'two versions'}: ${why}`, () => {
    assert.equal(sameVersion(validator(a), validator(b)), isSame);
    assert.equal(sameVersion(validator(b), validator(a)), isSame);
  });
}

test('only a strong ETag is one', () => {
  assert.deepEqual(
    ['"1"', 'W/"1"', null].map((etag) => strongEtag(validator([etag, null]))),
    ['"1"', null, null],
  );
});
