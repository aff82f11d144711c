import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import fc from '#testing/fast-check.ts';
import { readMetalink } from './metalink.ts';

const read = (text: string) => readMetalink(Buffer.from(text));
const four = (files: string) =>
  `<?xml version="1.0" encoding="UTF-8"?>\n<metalink xmlns="urn:ietf:params:xml:ns:metalink">${files}</metalink>\n`;
const url = '<url>http://a.org/x</url>';
const named = (name: string) => four(`<file name="${name}">${url}</file>`);
const hex = (length: number) => 'ab'.repeat(length / 2);

test('a document of version 4 is read: size, digests by strength, mirrors by priority, pieces', () => {
  const document = four(`
    <!-- a comment --><generator>x</generator><published>2026-01-01T00:00:00Z</published>
    <file name="a &amp; b/c.iso">
      <size>300</size><language>en</language>
      <hash type="md5">${hex(32)}</hash><hash type="sha-256">${hex(64).toUpperCase()}</hash><hash type="sha3">zz</hash>
      <pieces length="200" type="sha-1"><hash>${hex(40)}</hash><hash>${'0'.repeat(40)}</hash></pieces>
      <url location="de">http://last.org/c.iso</url>
      <url priority="2">https://b.org/c.iso#x</url>
      <url priority='1'><![CDATA[http://a.org/c.iso?a=1&b=2]]></url>
      <url priority="1">ftp://c.org/c.iso</url>
      <metaurl mediatype="torrent">http://d.org/c.torrent</metaurl>
    </file>`);
  const [file] = read(document);
  assert.deepEqual(file, {
    path: 'a & b/c.iso',
    sizeBytes: 300,
    digests: [
      { algorithm: 'sha-256', hex: hex(64) },
      { algorithm: 'md5', hex: hex(32) },
    ],
    pieces: { algorithm: 'sha-1', lengthBytes: 200, hexes: [hex(40), '0'.repeat(40)] },
    links: ['http://a.org/c.iso?a=1&b=2', 'https://b.org/c.iso', 'http://last.org/c.iso'],
  });
});

test('a document of version 3 is read: preference the other way round, numbered pieces', () => {
  const [file] = read(`<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="c.iso"><size>3</size>
    <verification><hash type="sha1">${hex(40)}</hash>
      <pieces length="2" type="sha1"><hash piece="0">${hex(40)}</hash><hash piece="1">${hex(40)}</hash></pieces></verification>
    <resources><url type="http" preference="10">http://a.org/c.iso</url><url type="http" preference="100">http://b.org/c.iso</url>
      <url type="bittorrent" preference="100">http://b.org/c.torrent</url></resources></file></files></metalink>`);
  assert.equal(file?.path, 'c.iso');
  assert.deepEqual(file?.digests, [{ algorithm: 'sha-1', hex: hex(40) }]);
  assert.equal(file?.pieces?.hexes.length, 2);
  assert.deepEqual(
    file?.links.map((link) => new URL(link).host),
    ['b.org', 'a.org'],
  );
});

const traversals = ['', '/', '/etc/passwd', '../x', 'a/../x', 'a/..', './x', 'a/./x', 'a/.', 'a/', 'a//x', '..', '.', '...'];
const spellings = ['..\\x', 'a\\..\\x', 'C:\\x', 'c:x', 'a/ .. /x', '&#46;&#46;/x', 'a&#47;..&#47;x', 'a&#9;b', ' '];
for (const name of [...traversals, ...spellings]) {
  test(`the name ${JSON.stringify(name)} is refused`, () => {
    assert.throws(() => read(named(name)), { code: 'unsupported', message: /is not one inside a folder/ });
  });
}

test('a name that is legal but unwise is made safe', () => {
  assert.equal(read(named('.ssh/aux/a?b'))[0]?.path, 'ssh/_aux/a_b');
});

test('hashes and pieces by a function that is not known promise nothing', () => {
  const odd = `<hash type="sha3-256">${hex(64)}</hash><hash type="crc32">zz</hash><hash>${hex(32)}</hash>`;
  const pieces = '<pieces length="2" type="tiger"><hash>no hex</hash></pieces>';
  const [file] = read(four(`<file name="x"><size>3</size>${odd}${pieces}${url}</file>`));
  assert.deepEqual([file?.digests, file?.pieces], [[], null]);
});

test('names of version 3 are held to the same', () => {
  const three = (name: string) =>
    `<metalink version="3.0" xmlns="http://www.metalinker.org/"><files><file name="${name}"><resources><url type="http">http://a.org/x</url></resources></file></files></metalink>`;
  assert.equal(read(three('a/b'))[0]?.path, 'a/b');
  for (const name of ['../x', '/etc/passwd', 'a/../../x', '..\\x']) {
    assert.throws(() => read(three(name)), { code: 'unsupported', message: /is not one inside a folder/ });
  }
});

const bad: [name: string, document: string, why: RegExp][] = [
  ['a DOCTYPE', `<!DOCTYPE x [<!ENTITY a "b">]>${named('x')}`, /DOCTYPE|XML/],
  [
    'entities that grow',
    `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;"><!ENTITY c "&b;&b;&b;">]>${named('&c;')}`,
    /DOCTYPE|XML/,
  ],
  ['an entity from a file', `<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>${named('&a;')}`, /DOCTYPE|XML/],
  ['very many folders in a name', named(`${'a/'.repeat(20)}x`), /too many folders/],
  [
    'pieces out of order',
    four(`<file name="x"><pieces length="2" type="md5"><hash piece="1">${hex(32)}</hash></pieces>${url}</file>`),
    /not in order/,
  ],
  ['a DOCTYPE after the declaration', named('x').replace('?>', '?><!DOCTYPE metalink SYSTEM "file:///etc/passwd">'), /DOCTYPE/],
  ['a processing instruction', four(`<?php x ?><file name="x">${url}</file>`), /instruction/],
  ['an entity of its own', named('&xxe;'), /entity/],
  ['an entity that is no character', named('&#0;'), /entity/],
  ['a lone ampersand', named('a&b'), /entity/],
  ['another encoding', named('x').replace('UTF-8', 'UTF-16'), /encoding/],
  ['elements that cross', four('<a><b></a></b>'), /match/],
  ['an end that is missing', four('').replace('</metalink>', ''), /not whole/],
  ['two roots', `${named('x')}<metalink/>`, /after its end/],
  ['depth', four('<a>'.repeat(20) + '</a>'.repeat(20)), /too deeply/],
  ['another namespace', '<metalink xmlns="urn:other"/>', /version 3 or 4/],
  ['no file', four(''), /lists no file/],
  ['no web link', four('<file name="x"><url>ftp://a/x</url></file>'), /no web link/],
  ['one name twice', four(`<file name="x">${url}</file><file name="X">${url}</file>`), /same name/],
  ['too many files', four(`<file name="x">${url}</file>`.repeat(1001)), /more than 1000 files/],
  ['too many mirrors', four(`<file name="x">${url.repeat(101)}</file>`), /more than 100 mirrors/],
  ['a size that is none', four(`<file name="x"><size>-1</size>${url}</file>`), /no number/],
  ['a digest that is none', four(`<file name="x"><hash type="sha-256">zz</hash>${url}</file>`), /is none/],
  ['a digest of another length', four(`<file name="x"><hash type="sha-256">abcd</hash>${url}</file>`), /not a checksum/],
  ['pieces without length', four(`<file name="x"><pieces length="0" type="sha-1"/>${url}</file>`), /no length/],
  ['pieces that do not add up', four(`<file name="x"><size>9</size><pieces length="4" type="md5"/>${url}</file>`), /add up/],
  ['more than 4 MiB', four(' '.repeat(4 * 2 ** 20)), /larger than 4 MiB/],
];
for (const [name, document, why] of bad) {
  test(`a document with ${name} is refused with a sentence`, () => {
    assert.throws(
      () => read(document),
      (error) => error instanceof FlotillaError && why.test(error.message),
    );
  });
}

test('whatever comes in, the reader throws nothing but a sentence, and is never slow', () => {
  const piece = fc.oneof(
    { weight: 1, arbitrary: fc.string({ unit: 'binary' }) },
    {
      weight: 6,
      arbitrary: fc.constantFrom(
        ...[
          '<metalink xmlns="urn:ietf:params:xml:ns:metalink">',
          '</metalink>',
          '<file name="x">',
          '<file name="../x">',
          '</file>',
        ],
        ...[
          '<url>',
          '</url>',
          'http://a/x',
          '<size>',
          '9',
          '</size>',
          '<hash type="md5">',
          '</hash>',
          hex(32),
          '<pieces length="2"',
        ],
        ...[
          ' type="md5">',
          '</pieces>',
          '&amp;',
          '&#65;',
          '&',
          '<',
          '>',
          '"',
          '<!--',
          '-->',
          '<![CDATA[',
          ']]>',
          '<?xml ',
          '?>',
          '/>',
        ],
      ),
    },
  );
  const attempt = (bytes: Uint8Array) => {
    const beganMs = performance.now();
    try {
      readMetalink(bytes);
    } catch (error) {
      assert.ok(error instanceof FlotillaError, String((error as Error).stack));
    }
    assert.ok(performance.now() - beganMs < 30_000);
  };
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
      attempt(Buffer.from(pieces.join('')));
      attempt(Buffer.from(four(`<file name="x">${pieces.join('')}`)));
    }),
    { numRuns: 3000 },
  );
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), attempt));
  for (const slow of ['<', ' ', '&', '&#', '<a ', '<a b="', '<!--', '<a>', '<a/>', '</a', ']]>'])
    attempt(Buffer.from(four(slow.repeat(200_000))));
});
