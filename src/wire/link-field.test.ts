import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { parseDuplicates } from './link-field.ts';

const base = new URL('https://example.org/a/file.iso');
const hrefs = (field: string) => parseDuplicates(field, base).map(({ href }) => href);

const cases: [field: string, links: string[]][] = [
  ['', []],
  ['<http://b.org/x>; rel=duplicate', ['http://b.org/x']],
  ['<http://b.org/x>;REL="Duplicate"', ['http://b.org/x']],
  ['<http://b.org/x>; rel="mirror duplicate"; geo=gb; pri=1; depth=2', ['http://b.org/x']],
  ['<http://b.org/x>; rel=describedby; type="application/metalink4+xml"', []],
  ['<http://b.org/x>; rel=preload; rel=duplicate', []],
  ['<http://b.org/x>', []],
  ['<../x>; rel=duplicate', ['https://example.org/x']],
  [
    '<http://c/>; rel=duplicate; pri=2, <http://b/>; rel=duplicate; pri=1,<http://d/>;rel=duplicate',
    ['http://b/', 'http://c/', 'http://d/'],
  ],
  ['<http://b/>; rel=duplicate, <http://b/>; rel=duplicate', ['http://b/']],
  ['<http://b/a,b;c>; title="x, <http://evil/>; rel=duplicate"; rel=duplicate', ['http://b/a,b;c']],
  ['<http://anna:secret@b/#part>; rel=duplicate', ['http://b/']],
  ['<ftp://b/>; rel=duplicate, <file:///etc/passwd>; rel=duplicate, <javascript:1>; rel=duplicate', []],
  ['<http://b/>; rel=duplicate; pri=-1, <http://c/>; rel=duplicate; pri=5', ['http://c/', 'http://b/']],
  ['<http://b/>; rel=duplicate, nonsense, <http://c/>; rel=duplicate', ['http://b/']],
  ['<http://b/>; rel="duplicate', []],
  ['http://b/; rel=duplicate', []],
];
for (const [field, links] of cases) {
  test(`${JSON.stringify(field)} names ${links.length} mirrors`, () => assert.deepEqual(hrefs(field), links));
}

test('no more than 20 mirrors are taken from one server', () => {
  const field = Array.from({ length: 150 }, (_, index) => `<http://m${index}.org/>; rel=duplicate`).join(', ');
  assert.equal(hrefs(field).length, 20);
});

test('whatever comes in, the reader never throws, never hangs and gives only web links without credentials', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('<', '>', ';', ',', '"', '\\', 'rel', '=', 'duplicate', 'pri=3', ' ', '<http://u:p@b/>', '; rel=duplicate'),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 60 }), (pieces) => {
      for (const { protocol, username, password } of parseDuplicates(pieces.join(''), base)) {
        assert.match(protocol, /^https?:$/);
        assert.equal(username + password, '');
      }
    }),
    { numRuns: 3000 },
  );
  for (const slow of ['<', ';', ' ', ',', '"', '\\', '<a>;', ';a="', ' ;', '<a>,']) {
    const beganMs = performance.now();
    parseDuplicates(`<http://b/>; rel=duplicate${slow.repeat(100_000)}`, base);
    assert.ok(performance.now() - beganMs < 5000, slow);
  }
});
