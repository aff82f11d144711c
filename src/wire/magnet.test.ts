import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import fc from '#testing/fast-check.ts';
import { readMagnet } from './magnet.ts';

/** `node src/wire/magnet.test.ts 1000000 7` tries a million links of another seed. */
const numRuns = Number(process.argv[2] ?? 2000);
const seed = Number(process.argv[3] ?? 1);

const hex = '0123456789abcdef0123456789abcdef01234567';
const base32 = 'AERUKZ4JVPG66AJDIVTYTK6N54ASGRLH';
const hexV2 = hex + hex.slice(0, 24);
const v1 = `xt=urn:btih:${hex}`;
const v2 = `xt=urn:btmh:1220${hexV2}`;
const read = (query: string) => readMagnet(new URL(`magnet:?${query}`));

test('a link of version 1, with all that it may have', () => {
  const fields = [
    v1,
    'dn=A+file%20name.iso',
    'xl=1234',
    'tr=udp%3A%2F%2Fa.org%3A80%2Fannounce',
    'tr.1=http://b.org/ann?key=1%262',
    'ws=http://c.org/a%20b',
    'x.pe=10.0.0.1:6881',
    'x.pe=[2001:db8::1]:6882',
    'x.pe=peer.example:6883',
    'so=0,2,4,6-8',
    'kt=words',
    'xs=http://d.org/x.torrent',
    'empty',
    '=',
  ];
  assert.deepEqual(read(fields.join('&')), {
    infoHash: hex,
    infoHashV2: null,
    name: 'A file name.iso',
    trackers: ['udp://a.org:80/announce', 'http://b.org/ann?key=1&2'],
    webSeeds: ['http://c.org/a%20b'],
    peers: [
      { host: '10.0.0.1', port: 6881 },
      { host: '2001:db8::1', port: 6882 },
      { host: 'peer.example', port: 6883 },
    ],
    sizeBytes: 1234,
    selected: [
      [0, 1],
      [2, 3],
      [4, 5],
      [6, 9],
    ],
  });
});

const spellings = [
  `xt=urn:btih:${hex.toUpperCase()}`,
  `xt=urn:btih:${base32}`,
  `xt=urn:btih:${base32.toLowerCase()}`,
  `XT=URN:BTIH:${hex}`,
  `xt.1=urn:btih:${hex}`,
  `xt=urn%3Abtih%3A${hex}`,
  `xt=urn:sha1:YNCKHTQCWBTRNJIV4WNAE52SJUQCZO5C&xt=urn:btih:${hex}`,
  `${v1}&xt=urn:btih:${base32}`,
  `"a=b&${v1}`,
];
for (const query of spellings) test(`magnet:?${query} names the torrent`, () => assert.equal(read(query).infoHash, hex));

test('an authority that is empty is one that libraries write', () => {
  assert.equal(readMagnet(new URL(`magnet:///?${v1}`)).infoHash, hex);
});

test('a link of version 2, and of both', () => {
  assert.deepEqual([read(v2).infoHash, read(v2).infoHashV2], [null, hexV2]);
  assert.deepEqual([read(`${v1}&${v2}`).infoHash, read(`${v1}&${v2}`).infoHashV2], [hex, hexV2]);
});

const broken: [what: string, query: string, why: RegExp][] = [
  ['nothing', '', /names no torrent/],
  ['a name only', 'dn=a', /names no torrent/],
  ['another network', 'xt=urn:ed2k:31D6CFE0D16AE931B73C59D7E0C089C0', /names no torrent/],
  ['no topic', 'xt=', /names no torrent/],
  ['an empty hash', 'xt=urn:btih:', /40 hexadecimal/],
  ['a short hash', `xt=urn:btih:${hex.slice(1)}`, /40 hexadecimal/],
  ['a long hash', `xt=urn:btih:${hex}0`, /40 hexadecimal/],
  ['a hash with a letter', `xt=urn:btih:${hex.slice(1)}g`, /40 hexadecimal/],
  ['a hash with a space', `xt=urn:btih:+${hex.slice(1)}`, /40 hexadecimal/],
  ['base 32 with a 1', `xt=urn:btih:${base32.slice(1)}1`, /40 hexadecimal/],
  ['a hash in half an escape', 'xt=urn:btih:%%3A', /40 hexadecimal/],
  ['another hash function', `xt=urn:btmh:1114${hexV2}`, /1220 and 64/],
  ['a short hash of version 2', `xt=urn:btmh:1220${hexV2.slice(1)}`, /1220 and 64/],
  ['a bare hash of version 2', `xt=urn:btmh:${hexV2}`, /1220 and 64/],
  ['one good and one bad hash', `${v1}&xt=urn:btih:xyz`, /40 hexadecimal/],
  ['two torrents', `${v1}&xt=urn:btih:${'0'.repeat(40)}`, /two torrents/],
  ['two torrents of version 2', `${v2}&xt=urn:btmh:1220${'0'.repeat(64)}`, /two torrents/],
  ['a range the wrong way round', `${v1}&so=7-4`, /"7-4", which is no number or range/],
  ['half a range', `${v1}&so=1,3-`, /"3-"/],
  ['a negative index', `${v1}&so=-4`, /"-4"/],
  ['a word as an index', `${v1}&so=a`, /"a"/],
  ['an index beyond all files', `${v1}&so=0-99999999999`, /no number or range/],
  ['very many ranges', `${v1}&so=${Array.from({ length: 1001 }, (_, n) => n).join(',')}`, /more than 1000 parts/],
  ['very much', `${v1}&dn=${'a'.repeat(9000)}`, /longer than 8192/],
];
for (const [what, query, why] of broken) {
  test(`a magnet link with ${what} is refused`, () => {
    assert.throws(
      () => read(query),
      (error) => error instanceof FlotillaError && error.code === 'unsupported' && why.test(error.message),
    );
  });
}

test('a selection stays ranges, however far they reach', () => {
  assert.deepEqual(read(`${v1}&so=0-999999999`).selected, [[0, 1_000_000_000]]);
  assert.deepEqual(read(`${v1}&so=2-4&so=,1,&so=3-5`).selected, [[1, 6]]);
  assert.equal(read(`${v1}&so=`).selected, null);
});

test('what is no tracker, no web seed, no peer, no size and no name is left out', () => {
  const odd = ['tr=', 'tr=x', 'tr=javascript:1', 'ws=udp://a/', 'ws=file:///etc/passwd', 'xl=-1', 'xl=many', 'dn=%20', 'dn='];
  const peers = ['x.pe=a', 'x.pe=a:0', 'x.pe=a:99999', 'x.pe=a:1/b', 'x.pe=u@a:1', 'x.pe=:1', 'x.pe=[::1:5'];
  assert.deepEqual(read([v1, ...odd, ...peers].join('&')), {
    infoHash: hex,
    infoHashV2: null,
    name: null,
    trackers: [],
    webSeeds: [],
    peers: [],
    sizeBytes: null,
    selected: null,
  });
});

test('a name that tries to leave its folder is made safe', () => {
  for (const [given, name] of [
    ['../../etc/passwd', 'passwd'],
    ['..', hex],
    ['a%00b%E2%80%AE', 'ab'],
    ['C:\\x', 'x'],
  ]) {
    assert.equal(read(`${v1}&dn=${given}`).name, name);
  }
});

test('no more than a hundred trackers, web seeds and peers', () => {
  const many = (make: (n: number) => string) => Array.from({ length: 150 }, (_, n) => make(n)).join('&');
  assert.equal(read(`${v1}&${many((n) => `tr=udp://${n}.org`)}`).trackers.length, 100);
  assert.equal(read(`${v1}&${many((n) => `ws=http://${n}.org/`)}`).webSeeds.length, 100);
  assert.equal(read(`${v1}&${many((n) => `x.pe=10.0.0.1:${n + 1}`)}`).peers.length, 100);
});

test('whatever comes in, it is read or refused with a sentence', () => {
  const crumbs = [
    'xt=',
    'urn:btih:',
    'urn:btmh:1220',
    hex,
    hexV2,
    '&',
    '=',
    '%',
    '%3',
    ':',
    'so=',
    '-',
    ',',
    '9',
    'tr=',
    'x.pe=',
    '[',
  ];
  const soup = fc.array(fc.oneof(fc.constantFrom(...crumbs), fc.string({ maxLength: 4 })), { maxLength: 25 });
  fc.assert(
    fc.property(soup, (parts) => {
      const link = URL.parse(`magnet:?${parts.join('')}`);
      if (link === null) return;
      try {
        const { infoHash, infoHashV2 } = readMagnet(link);
        assert.ok(infoHash !== null || infoHashV2 !== null);
      } catch (error) {
        assert.ok(error instanceof FlotillaError, String((error as Error).stack));
      }
    }),
    { numRuns, seed },
  );
});

test('what is written is read back', () => {
  const digits = (count: number) =>
    fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: count, maxLength: count }).map((list) => list.join(''));
  fc.assert(
    fc.property(digits(40), digits(64), fc.uniqueArray(fc.nat({ max: 99_999 })), (first, second, indices) => {
      const link = read(`xt=urn:btih:${first}&xt=urn:btmh:1220${second}&so=${indices.join(',')}`);
      assert.deepEqual([link.infoHash, link.infoHashV2], [first, second]);
      const chosen = (link.selected ?? []).flatMap(([from, to]) => Array.from({ length: to - from }, (_, n) => from + n));
      assert.deepEqual(
        chosen,
        indices.toSorted((a, b) => a - b),
      );
    }),
    { numRuns: 200, seed },
  );
});
