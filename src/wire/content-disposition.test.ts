import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { fileNameOf } from './content-disposition.ts';

/** Header bytes reach the reader as Latin-1, so raw UTF-8 is written as its bytes here. */
const raw = (text: string) => Buffer.from(text).toString('latin1');

const cases: [value: string, name: string | null][] = [
  // Plain
  ['attachment', null],
  ['', null],
  ['attachment; filename=foo.html', 'foo.html'],
  ['attachment; filename="foo.html"', 'foo.html'],
  ['inline; filename="foo.html"', 'foo.html'],
  ['Attachment; FileName="foo.html"', 'foo.html'],
  ['attachment;filename=foo.html', 'foo.html'],
  ['attachment; filename = "foo.html"', 'foo.html'],
  ['attachment; foo="x"; filename="foo.html"', 'foo.html'],
  ['attachment; filename="foo.html"; size=123', 'foo.html'],
  ['attachment; filename="a;b=c.txt"', 'a;b=c.txt'],
  ['attachment; foo="; filename=bar"; filename="foo.html"', 'foo.html'],
  ['attachment; filename="f\\oo.html"', 'foo.html'],
  ['attachment; filename="\\"quoted\\".txt"', '"quoted".txt'],
  ['attachment; filename="a.txt"; filename="b.txt"', 'a.txt'],
  ['attachment; filename=""', null],
  ['attachment; filename=', null],
  ['attachment; xfilename=foo.html', null],
  ['attachment; filename-x="foo.html"', null],
  // Broken as servers break it
  ['attachment; filename="foo.html', 'foo.html'],
  ['attachment; filename=a b.html', 'a b.html'],
  ['attachment; filename=foo bar.tar.gz; size=5', 'foo bar.tar.gz'],
  ['filename=foo.html', 'foo.html'],
  ['"attachment"; filename="foo.html"', 'foo.html'],
  [";filename='single.html'", "'single.html'"],
  ['attachment; filename="a%20b.html"', 'a b.html'],
  ['attachment; filename="100%.html"', '100%.html'],
  [raw('attachment; filename="naïve ☃.txt"'), 'naïve ☃.txt'],
  ['attachment; filename="na\xefve.txt"', 'naïve.txt'],
  ['attachment; filename="=?utf-8?B?bmHDr3ZlLnR4dA==?="', 'naïve.txt'],
  ['attachment; filename="=?ISO-8859-1?Q?na=EFve=5F_x.txt?="', 'naïve_ x.txt'],
  // RFC 8187
  ["attachment; filename*=UTF-8''na%C3%AFve.txt", 'naïve.txt'],
  ["attachment; filename*=utf-8'en'%E2%82%AC%20rates", '€ rates'],
  ["attachment; filename*=iso-8859-1''na%EFve.txt", 'naïve.txt'],
  ['attachment; filename="fallback.txt"; filename*=UTF-8\'\'na%C3%AFve.txt', 'naïve.txt'],
  ['attachment; filename*=UTF-8\'\'na%C3%AFve.txt; filename="fallback.txt"', 'naïve.txt'],
  ['attachment; filename*="UTF-8\'\'quoted.txt"', 'quoted.txt'],
  ["attachment; filename*=UTF-8''bad%ZZ.txt; filename=good.txt", 'good.txt'],
  ["attachment; filename*=UTF-8''bad%FF.txt; filename=good.txt", 'good.txt'],
  ["attachment; filename*=utf-16''a; filename=good.txt", 'good.txt'],
  ["attachment; filename*=UTF-8''; filename=good.txt", 'good.txt'],
  ['attachment; filename*=good.txt', null],
  ['attachment; filename*0="a"; filename*1="b"', null],
  // Kept as it is: making it safe is the work of `safeName`.
  ['attachment; filename="../../etc/passwd"', '../../etc/passwd'],
  ["attachment; filename*=UTF-8''..%2f..%2fetc%2fpasswd", '../../etc/passwd'],
];
for (const [value, name] of cases) {
  test(`${JSON.stringify(value)} names the file ${JSON.stringify(name)}`, () => assert.equal(fileNameOf(value), name));
}

test('whatever comes in, the reader never throws, never hangs and never gives an empty name', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('filename', 'filename*', '=', ';', '"', '\\', "UTF-8''", '%', '%ff', '=?utf-8?B?', '?=', ' ', 'attachment'),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      const startedMs = performance.now();
      const name = fileNameOf(pieces.join(''));
      assert.notEqual(name, '');
      assert.ok(performance.now() - startedMs < 5000);
    }),
    { numRuns: 3000 },
  );
});

test('a field made to be slow is not', () => {
  for (const piece of ['\\', '"', ';', ' ', '=?utf-8?q?', 'filename="', ' =', '%']) {
    const startedMs = performance.now();
    fileNameOf(`attachment; filename="${piece.repeat(100_000)}`);
    assert.ok(performance.now() - startedMs < 5000, piece);
  }
});
