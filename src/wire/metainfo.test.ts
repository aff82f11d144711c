/** What torrents are accepted, with which hashes and names, and what is refused. The makers of the corpus are below. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import { type Encodable, encode } from '#lib/bencode.ts';
import fc from '#testing/fast-check.ts';
import { type Dictionary, makeTorrent, type SeedFile } from '#testing/make-torrent.ts';
import { type Metainfo, readMetainfo } from './metainfo.ts';

/** `node src/wire/metainfo.test.ts 100000 7` tries a hundred thousand torrents of another seed. */
const numRuns = Number(process.argv[2] ?? 300);
const seed = Number(process.argv[3] ?? 1);

const kib = 1024;
const filled = (sizeBytes: number, byte: number) => new Uint8Array(sizeBytes).fill(byte);
const file = (path: string, sizeBytes: number): SeedFile => ({ path: path.split('/'), bytes: filled(sizeBytes, path.length) });

type Torrent = Dictionary & { info: Dictionary };
const one = (): Torrent => makeTorrent({ name: 'a.iso', files: [file('a.iso', 40 * kib)] });
const folder = (): Torrent => makeTorrent({ name: 'f', files: [file('a', 20 * kib), file('b/c', 5), file('b/d', 0)] });
const two = (): Torrent => makeTorrent({ name: 'a.iso', files: [file('a.iso', 40 * kib)], version: 'v2' });
const tree = (): Torrent =>
  makeTorrent({ name: 'f', version: 'v2', files: [file('a', 50 * kib), file('b/c', 5), file('b/d', 0), file('e', 40 * kib)] });
const hybrid = (): Torrent =>
  makeTorrent({
    name: 'f',
    version: 'hybrid',
    files: [file('a', 20 * kib), file('b/c', 5), file('b/d', 0), file('e', 40 * kib)],
  });

/** A torrent of version 1 with these entries, whose hashes are whatever. */
function listed(files: Encodable[], info: Dictionary = {}): Torrent {
  const sizes = files.map((entry) => Number((entry as Dictionary).length ?? 0));
  const pieceCount = Math.ceil(sizes.reduce((all, size) => all + size, 0) / (16 * kib));
  return { info: { files, name: 'f', 'piece length': 16 * kib, pieces: filled(20 * pieceCount, 1), ...info } };
}

function changed(torrent: Torrent, change: (torrent: Torrent, info: Dictionary) => void): Torrent {
  change(torrent, torrent.info);
  return torrent;
}

const read = (torrent: Encodable): Metainfo => readMetainfo(encode(torrent));
const digest = (algorithm: string, info: Encodable) => createHash(algorithm).update(encode(info)).digest('hex');
const paths = (torrent: Encodable) => read(torrent).files.map(({ path }) => path);

function spanIn(torrent: Encodable, part: Uint8Array) {
  const startByte = Buffer.from(encode(torrent)).indexOf(part);
  return { startByte, endByte: startByte + part.length };
}

test('one file of version 1', () => {
  const torrent = one();
  assert.deepEqual(read(torrent), {
    name: 'a.iso',
    givenName: 'a.iso',
    isFolder: false,
    infoHash: digest('sha1', torrent.info),
    infoHashV2: null,
    files: [{ path: 'a.iso', sizeBytes: 40 * kib, position: 0, offsetBytes: 0 }],
    totalBytes: 40 * kib,
    infoAt: spanIn(torrent, encode(torrent.info)),
    piecesAt: spanIn(torrent, torrent.info.pieces as Uint8Array),
    pieceLengthBytes: 16 * kib,
    pieceCount: 3,
    isPrivate: false,
    trackers: [],
    webSeeds: [],
    comment: null,
    createdBy: null,
  });
});

test('a folder of version 1', () => {
  const { name, isFolder, files } = read(folder());
  assert.deepEqual([name, isFolder], ['f', true]);
  assert.deepEqual(files, [
    { path: 'a', sizeBytes: 20 * kib, position: 0, offsetBytes: 0 },
    { path: 'b/c', sizeBytes: 5, position: 1, offsetBytes: 20 * kib },
    { path: 'b/d', sizeBytes: 0, position: 2, offsetBytes: 20 * kib + 5 },
  ]);
});

test('version 2 has a hash of its own, and each file begins with a piece', () => {
  const torrent = tree();
  const { infoHash, infoHashV2, isFolder, files, pieceCount } = read(torrent);
  assert.deepEqual([infoHash, infoHashV2, isFolder, pieceCount], [null, digest('sha256', torrent.info), true, 8]);
  assert.deepEqual(
    files.map(({ path, position, offsetBytes }) => [path, position, offsetBytes / kib]),
    [
      ['a', 0, 0],
      ['b/c', 1, 64],
      ['b/d', 2, 80],
      ['e', 3, 80],
    ],
  );
  assert.deepEqual([read(two()).isFolder, read(two()).files[0]?.path], [false, 'a.iso']);
});

test('both in one has both hashes, and its padding is no file', () => {
  const torrent = hybrid();
  const { infoHash, infoHashV2, files, pieceCount } = read(torrent);
  assert.deepEqual([infoHash, infoHashV2], [digest('sha1', torrent.info), digest('sha256', torrent.info)]);
  assert.equal(pieceCount, 6);
  assert.deepEqual(
    files.map(({ path, position, offsetBytes }) => [path, position, offsetBytes / kib]),
    [
      ['a', 0, 0],
      ['b/c', 2, 32],
      ['b/d', 4, 48],
      ['e', 5, 48],
    ],
  );
});

test('the hash is that of the bytes as they came, in whatever order', () => {
  const info = Buffer.from(encode(one().info)).toString('latin1');
  const entries = [...info.slice(1, -1).matchAll(/6:lengthi40960e|4:name5:a\.iso|12:piece lengthi16384e|6:pieces60:.{60}/gs)];
  const reversed = Buffer.from(
    `d${entries
      .map(([text]) => text)
      .reverse()
      .join('')}e`,
    'latin1',
  );
  assert.equal(reversed.length, info.length);
  const { infoHash } = readMetainfo(Buffer.concat([Buffer.from('d4:info'), reversed, Buffer.from('e')]));
  assert.equal(infoHash, createHash('sha1').update(reversed).digest('hex'));
  assert.notEqual(infoHash, read(one()).infoHash);
});

/** Shapes that programs write, or once wrote, and that are understood. */
const accepted: [what: string, torrent: Encodable][] = [
  ['no trackers, no comment, no date', one()],
  ['a date that is text', { ...one(), 'creation date': 'yesterday' }],
  ['keys of its own', { ...one(), azureus_properties: { a: ['b', -1] } }],
  ['small pieces', { info: { length: 5, name: 'a', 'piece length': 3, pieces: filled(40, 1) } }],
  ['pieces of nearly 512 MiB', { info: { length: 5, name: 'a', 'piece length': 32767 * 16 * kib, pieces: filled(20, 1) } }],
  ['hashes of pieces that are left to peers', changed(tree(), (torrent) => delete torrent['piece layers'])],
  ['hashes of the pieces of some files', changed(tree(), (torrent) => firstLayerOnly(torrent))],
  ['padding at its end, too', changed(hybrid(), (_, info) => padEnd(info))],
  ['meta version 1', changed(one(), (_, info) => (info['meta version'] = 1))],
  ['web seeds that are no links', { ...one(), 'url-list': ['', 'x', -20, ['http://a/'], 'ftp://a/b', 'http://'] as Encodable }],
  ['trackers that are none', { ...one(), announce: -1, 'announce-list': [['', 'x:'], 'http://a/', [[]]] as Encodable }],
  [
    'a link without a target',
    listed([
      { length: 9, path: ['a'] },
      { attr: 'l', length: 9, path: ['b'] },
    ]),
  ],
];
for (const [what, torrent] of accepted) test(`a torrent with ${what} is read`, () => void read(torrent));

test('line breaks behind a torrent are left out of account', () => {
  assert.equal(readMetainfo(Buffer.concat([encode(one()), Buffer.from('\r\n')])).infoHash, read(one()).infoHash);
});

function firstLayerOnly(torrent: Torrent): void {
  torrent['piece layers'] = new Map([...(torrent['piece layers'] as Map<Uint8Array, Uint8Array>)].slice(0, 1));
}

function padEnd(info: Dictionary): void {
  (info.files as Encodable[]).push({ attr: 'p', length: 8 * kib, path: ['.pad', '8192'] });
}

const layers = (torrent: Torrent) => torrent['piece layers'] as Map<Uint8Array, Encodable>;
const leafOf = (info: Dictionary, name: string) => ((info['file tree'] as Dictionary)[name] as Dictionary)[''] as Dictionary;
const raw = (text: string) => Buffer.from(text, 'latin1');
const spoiled = (torrent: Torrent, from: string, to: string) => {
  const document = Buffer.from(encode(torrent)).toString('latin1');
  assert.ok(document.includes(from));
  return raw(document.replace(from, to));
};

/** Each with the mistake it makes. */
const malformed: [what: string, torrent: Encodable | Uint8Array, why: RegExp][] = [
  ['nothing', raw(''), /breaks off/],
  ['a page of the web', raw('<!doctype html>'), /no value at byte 0/],
  ['text', raw('5:hello'), /no dictionary/],
  ['a part of a torrent', encode(one()).subarray(0, -30), /breaks off/],
  ['more behind a torrent', Buffer.concat([encode(one()), raw('x')]), /goes on after its end/],
  ['no info', { announce: 'http://a/' }, /no info/],
  ['info that is text', { info: 'x' }, /no info/],
  ['no length of pieces', changed(one(), (_, info) => delete info['piece length']), /how long its pieces/],
  ['a length of pieces that is text', changed(one(), (_, info) => (info['piece length'] = '16384')), /how long its pieces/],
  ['pieces of no length', changed(one(), (_, info) => (info['piece length'] = 0)), /how long its pieces/],
  ['pieces of negative length', changed(one(), (_, info) => (info['piece length'] = -16384)), /how long its pieces/],
  ['pieces of 1 GiB', changed(one(), (_, info) => (info['piece length'] = 2 ** 30)), /larger than 512 MiB/],
  ['no name', changed(one(), (_, info) => delete info.name), /no name/],
  ['a name that is a number', changed(one(), (_, info) => (info.name = 1)), /no name/],
  ['no size', changed(one(), (_, info) => delete info.length), /size of a file/],
  ['a size that is text', changed(one(), (_, info) => (info.length = '5')), /size of a file/],
  ['a negative size', changed(one(), (_, info) => (info.length = -5)), /size of a file/],
  ['a size beyond all numbers', spoiled(one(), 'lengthi40960e', 'lengthi99999999999999999999e'), /size of a file/],
  [
    'a negative size in a list',
    listed([
      { length: -5, path: ['a'] },
      { length: 9, path: ['b'] },
    ]),
    /size of a file/,
  ],
  ['a size that is a list', listed([{ length: [5], path: ['a'] }]), /size of a file/],
  ['a path that is text', listed([{ length: 5, path: 'a' }]), /path of a file/],
  ['a path with a number', listed([{ length: 5, path: ['a', 5] }]), /path of a file/],
  ['an empty path', listed([{ length: 5, path: [] }]), /no path/],
  ['no path', listed([{ length: 5 }, { length: 5, path: ['a'] }]), /no path/],
  ['very many folders', listed([{ length: 5, path: Array.from({ length: 70 }, () => 'a') }]), /too many folders/],
  [
    'a very long path',
    listed([{ length: 5, path: Array.from({ length: 20 }, () => 'a'.repeat(200)) }]),
    /longer than any system/,
  ],
  ['very long paths in a tree', deepTree(10_000), /longer than 16 MiB together/],
  ['an entry that is text', listed(['a']), /an entry/],
  ['a list of files that is a dictionary', changed(one(), (_, info) => (info.files = {})), /list of files is none/],
  ['an empty list', listed([]), /lists no file/],
  ['nothing but empty files', listed([{ length: 0, path: ['a'] }]), /all empty/],
  ['one empty file', makeTorrent({ name: 'a', files: [file('a', 0)] }), /all empty/],
  [
    'a link to a number',
    listed([
      { length: 5, path: ['a'] },
      { attr: 'l', path: ['b'], 'symlink path': [1] },
    ]),
    /path of a file/,
  ],
  [
    'a link to text',
    listed([
      { length: 5, path: ['a'] },
      { attr: 'l', path: ['b'], 'symlink path': 'a' },
    ]),
    /path of a link/,
  ],
  ['no hashes', changed(one(), (_, info) => delete info.pieces), /no hashes/],
  ['hashes that are a number', changed(one(), (_, info) => (info.pieces = -23)), /no hashes/],
  ['half a hash', changed(one(), (_, info) => (info.pieces = filled(70, 1))), /one hash for each/],
  ['a hash too few', changed(one(), (_, info) => (info.pieces = filled(40, 1))), /one hash for each/],
  ['a hash too many', changed(one(), (_, info) => (info.pieces = filled(80, 1))), /one hash for each/],
  ['more pieces than fit', changed(one(), (_, info) => (info.length = 2 ** 44)), /more than 1048576 pieces/],
  ['one key twice', spoiled(one(), '6:length', '4:name1:a6:length'), /one key twice/],
  ['one name for very many files', listed(Array.from({ length: 40 }, () => ({ length: 5, path: ['a'] }))), /the same name/],
  [
    'a list of very many files',
    raw(`d4:infod5:filesl${'d6:lengthi1e4:pathl1:aee'.repeat(200_001)}e4:name1:f12:piece lengthi16384eee`),
    /200000 files/,
  ],
  ['much depth', { info: nested(70) }, /nested more than 64 deep/],
  ['a version to come', changed(two(), (_, info) => (info['meta version'] = 3)), /not known/],
  ['a version that is text', changed(two(), (_, info) => (info['meta version'] = '2')), /not known/],
  ['a file tree and no version', changed(two(), (_, info) => delete info['meta version']), /of version 2/],
  ['version 2 and no file tree', changed(two(), (_, info) => delete info['file tree']), /no file tree/],
  ['a file tree that is a list', changed(two(), (_, info) => (info['file tree'] = [])), /no file tree/],
  ['an empty file tree', changed(two(), (_, info) => (info['file tree'] = {})), /lists no file/],
  ['a file tree with text', changed(two(), (_, info) => (info['file tree'] = { a: 'x' })), /name that is empty/],
  ['a file without a name', changed(two(), (_, info) => (info['file tree'] = { '': { length: 5 } })), /name that is empty/],
  ['a file that is a folder too', changed(two(), (_, info) => addBeside(info)), /name that is empty/],
  ['a file that is no dictionary', changed(two(), (_, info) => (info['file tree'] = { a: { '': 5 } })), /file tree is none/],
  ['pieces of 24 KiB in version 2', changed(two(), (_, info) => (info['piece length'] = 24 * kib)), /power of two/],
  ['pieces of 8 KiB in version 2', changed(two(), (_, info) => (info['piece length'] = 8 * kib)), /power of two/],
  ['no root', changed(two(), (_, info) => delete leafOf(info, 'a.iso')['pieces root']), /has no hash/],
  ['a short root', changed(two(), (_, info) => (leafOf(info, 'a.iso')['pieces root'] = filled(31, 1))), /has no hash/],
  ['a root of zeros', changed(two(), (_, info) => (leafOf(info, 'a.iso')['pieces root'] = filled(32, 0))), /has no hash/],
  ['padding in version 2', changed(two(), (_, info) => (leafOf(info, 'a.iso').attr = 'p')), /padding/],
  ['a tree out of order', spoiled(tree(), '1:ad', '1:zd'), /one right way/],
  ['a size with a zero in front', spoiled(two(), 'lengthi40960e', 'lengthi040960e'), /one right way/],
  ['hashes of pieces that are a list', { ...two(), 'piece layers': [] }, /hashes of pieces are none/],
  ['a hash of pieces that is a number', changed(two(), (torrent) => setLayer(torrent, 5)), /each piece of a file/],
  ['too few hashes of pieces', changed(two(), (torrent) => setLayer(torrent, filled(64, 1))), /each piece of a file/],
  ['too many hashes of pieces', changed(two(), (torrent) => setLayer(torrent, filled(128, 1))), /each piece of a file/],
  ['part of a hash of pieces', changed(two(), (torrent) => setLayer(torrent, filled(95, 1))), /each piece of a file/],
  ['wrong hashes of pieces', changed(two(), (torrent) => setLayer(torrent, filled(96, 1))), /do not lead to the hash/],
  ['hashes of the pieces of no file', changed(two(), (torrent) => layers(torrent).set(filled(32, 7), '')), /does not list/],
  ['a short root of hashes', changed(two(), (torrent) => layers(torrent).set(filled(31, 7), '')), /does not list/],
  ['versions of other names', changed(hybrid(), (_, info) => rename(info)), /the same files/],
  ['versions of other sizes', changed(hybrid(), (_, info) => (leafOf(info, 'e').length = 40 * kib - 1)), /the same files/],
  ['a file in one version only', changed(hybrid(), (_, info) => delete (info['file tree'] as Dictionary).e), /the same files/],
  ['versions without padding', changed(hybrid(), (_, info) => unpad(info)), /begin with a piece/],
  ['a half of version 1', changed(hybrid(), (_, info) => delete info.pieces), /no hashes/],
  ['another half of version 1', changed(hybrid(), (_, info) => delete info.files), /size of a file/],
];
for (const [what, torrent, why] of malformed) {
  test(`a torrent with ${what} is refused`, () => {
    const document = torrent instanceof Uint8Array ? torrent : encode(torrent);
    assert.throws(
      () => readMetainfo(document),
      (error) => error instanceof FlotillaError && error.code === 'unsupported' && why.test(error.message),
    );
  });
}

function nested(depth: number): Encodable {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

/** Ten folders, one in the other, and all files in the last; the folders are named once. */
function deepTree(fileCount: number): Uint8Array {
  const files = Array.from(
    { length: fileCount },
    (_, n) => `6:f${10_000 + n}d0:d6:lengthi1e11:pieces root32:${'r'.repeat(32)}ee`,
  );
  const folders = Array.from({ length: 10 }, () => `200:${'d'.repeat(200)}d`);
  const tree = `d${folders.join('')}${files.join('')}${'e'.repeat(10)}e`;
  return raw(`d4:infod9:file tree${tree}12:meta versioni2e4:name1:f12:piece lengthi16384eee`);
}

function addBeside(info: Dictionary): void {
  const node = (info['file tree'] as Dictionary)['a.iso'] as Dictionary;
  node.x = { '': { length: 0 } };
}

function setLayer(torrent: Torrent, layer: Encodable): void {
  const known = layers(torrent);
  known.set([...known.keys()][0] as Uint8Array, layer);
}

function rename(info: Dictionary): void {
  ((info.files as Dictionary[])[0] as Dictionary).path = ['x'];
}

function unpad(info: Dictionary): void {
  info.files = (info.files as Dictionary[]).filter(({ attr }) => attr !== 'p');
}

const unwise: [given: string[], safe: string][] = [
  [['..', '..', 'x'], '_/_/x'],
  [['', ''], '_/_'],
  [['.', 'a'], '_/a'],
  [['/etc/passwd'], 'passwd'],
  [['/', 'etc', '/'], '_/etc/_'],
  [['a/../../../b', 'c'], 'b/c'],
  [['..\\..\\x'], 'x'],
  [['\\', '\\'], '_/_'],
  [['C:', 'x'], 'C_/x'],
  [['aux', 'a?b'], '_aux/a_b'],
  [['a\0b\u202e\ufeff'], 'ab'],
  [['.ssh', 'x'], 'ssh/x'],
  [[`${'a'.repeat(300)}.iso`], `${'a'.repeat(251)}.iso`],
];
for (const [given, safe] of unwise) {
  test(`the path ${JSON.stringify(given).slice(0, 60)} lands inside`, () => {
    assert.deepEqual(paths(listed([{ length: 5, path: given }])), [safe]);
  });
}

test('a name of which nothing safe is left gives way to the hash', () => {
  for (const name of ['..', '', '/', '\u200b']) {
    const torrent = changed(one(), (_, info) => (info.name = name));
    assert.equal(read(torrent).name, read(torrent).infoHash);
  }
  assert.equal(read(changed(one(), (_, info) => (info.name = 'x/../../y'))).files[0]?.path, 'y');
});

test('files of one name are told apart, also from folders and in another case', () => {
  const names = ['a/b', 'A/B', 'a/b', 'c', 'c/d', 'e/f', 'e', '..', '.'];
  const list = names.map((name) => ({ length: 1, path: name.split('/') }));
  assert.deepEqual(paths(listed(list)), ['a/b', 'A/B (1)', 'a/b (2)', 'c', 'c (1)/d', 'e/f', 'e (1)', '_', '_ (1)']);
});

test('padding and links are no files, whoever made them', () => {
  const list: Encodable[] = [
    { attr: 'x', length: 5, path: ['a'] },
    { attr: 'p', length: 5, path: ['.pad', '5'] },
    { attr: 'p', length: 5 },
    { length: 5, path: ['_____padding_file_0_if you see this file, please update_____'] },
    { attr: 'l', length: 5, path: ['l'], 'symlink path': ['a'] },
    { attr: 'h', length: 5, path: ['b'] },
  ];
  const { files, totalBytes } = read(listed(list));
  assert.equal(totalBytes, 25);
  assert.deepEqual(files, [
    { path: 'a', sizeBytes: 5, position: 0, offsetBytes: 0 },
    { path: 'b', sizeBytes: 5, position: 5, offsetBytes: 20 },
  ]);
});

test('names in UTF-8 come first, others are read as the torrent says, and bad ones do no harm', () => {
  const better = { length: 5, path: ['?'], 'path.utf-8': ['世界'] };
  assert.deepEqual(paths(listed([better], { 'name.utf-8': '名' })), ['世界']);
  assert.equal(read(listed([better], { 'name.utf-8': '名' })).name, '名');
  const old = listed([{ length: 5, path: [Uint8Array.of(0xca, 0xc0)] }]);
  assert.deepEqual(paths({ ...old, encoding: 'GBK' }), ['世']);
  assert.deepEqual(paths({ ...old, encoding: 'no such' }), ['\ufffd\ufffd']);
  assert.deepEqual(paths(listed([{ length: 5, path: [raw('file\xff.foo')] }])), ['file\ufffd.foo']);
});

test('trackers come in tiers, each once; the single one counts when there is no list', () => {
  const list = [[' udp://a.org:80 ', 'http://b.org/ann?key=1'], ['x'], ['http://b.org/ann?key=1', 'wss://c.org']];
  assert.deepEqual(read({ ...one(), announce: 'http://z.org/', 'announce-list': list }).trackers, [
    ['udp://a.org:80', 'http://b.org/ann?key=1'],
    ['wss://c.org'],
  ]);
  assert.deepEqual(read({ ...one(), announce: '\t http://z.org/' }).trackers, [['http://z.org/']]);
  assert.deepEqual(read({ ...one(), announce: 'http://z.org/', 'announce-list': [] }).trackers, [['http://z.org/']]);
  const many = Array.from({ length: 150 }, (_, n) => [`udp://${n}.org:1`]);
  assert.equal(read({ ...one(), 'announce-list': many }).trackers.length, 100);
});

test('web seeds are links, each once, and that of a folder ends with a slash', () => {
  assert.deepEqual(read({ ...one(), 'url-list': ' http://a.org/a b ' }).webSeeds, ['http://a.org/a%20b']);
  const list = ['http://a.org/x', 'http://a.org/x', '', 'https://b.org/y/'];
  assert.deepEqual(read({ ...folder(), 'url-list': list }).webSeeds, ['http://a.org/x/', 'https://b.org/y/']);
});

test('private, comment and maker', () => {
  const torrent = { ...changed(one(), (_, info) => (info.private = 1)), comment: 'c'.repeat(5000), 'created by': 'me' };
  const { isPrivate, comment, createdBy } = read(torrent);
  assert.deepEqual([isPrivate, comment?.length, createdBy], [true, 2000, 'me']);
});

test('a hundred thousand files are read in little time and memory', () => {
  const entries = Array.from({ length: 100_000 }, (_, n) => `d6:lengthi1000e4:pathl4:d${100 + (n % 300)}7:f${100_000 + n}ee`);
  const hashes = '#'.repeat(20 * Math.ceil(100_000_000 / 16_384));
  const info = `d5:filesl${entries.join('')}e4:name1:f12:piece lengthi16384e6:pieces${hashes.length}:${hashes}e`;
  const document = raw(`d4:info${info}e`);
  const beganMs = performance.now();
  const { files } = readMetainfo(document);
  assert.equal(files.length, 100_000);
  assert.ok(performance.now() - beganMs < 30_000);
});

test('what was made to be slow or large is refused in good time', () => {
  const slow = [
    `d4:infol${'le'.repeat(5_000_000)}ee`,
    `d4:infol${'de'.repeat(1_000_000)}ee`,
    `d${Array.from({ length: 60_000 }, (_, n) => `5:${String((n * 7919) % 60_000).padStart(5, '0')}i1e`).join('')}e`,
    `d4:info${'d1:a'.repeat(60)}${'0:'.repeat(1_000_000)}`,
    `${'1'.repeat(10_000_000)}`,
    `i${'1'.repeat(10_000_000)}`,
  ];
  for (const document of slow) {
    const beganMs = performance.now();
    assert.throws(() => readMetainfo(raw(document)), FlotillaError);
    assert.ok(performance.now() - beganMs < 30_000);
  }
});

test('whatever is done to a good torrent, it is read or refused with a sentence, and its names stay inside', () => {
  const makers = [one, folder, two, tree, hybrid];
  const place = fc.tuple(fc.nat(), fc.nat({ max: 255 }), fc.constantFrom('change', 'insert', 'remove', 'cut'));
  const spoil = (document: Buffer, [where, byte, how]: [number, number, string]) => {
    const at = where % (document.length + 1);
    if (how === 'cut') return document.subarray(0, at);
    const rest = document.subarray(how === 'insert' ? at : at + 1);
    return Buffer.concat([document.subarray(0, at), Buffer.from(how === 'remove' ? [] : [byte]), rest]);
  };
  fc.assert(
    fc.property(fc.constantFrom(...makers), fc.array(place, { minLength: 1, maxLength: 4 }), (make, places) => {
      attempt(places.reduce(spoil, Buffer.from(encode(make()))));
    }),
    { numRuns: numRuns * 5, seed },
  );
});

test('whatever stands where something else should, it is read or refused with a sentence', () => {
  const keys = ['files', 'length', 'name', 'path', 'pieces', 'piece length', 'file tree', 'meta version', 'attr', 'info', ''];
  const words = ['f', '..', '/', 'p', 'l', filled(20, 1), filled(32, 1)] as const;
  const { any } = fc.letrec<{ any: Encodable }>((tie) => ({
    any: fc.oneof(
      { depthSize: 'medium', withCrossShrink: true },
      fc.oneof(fc.constantFrom<Encodable>(...words), fc.constantFrom(0, 1, 2, -1, 16384, 2 ** 40)),
      fc.array(tie('any'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom(...keys), tie('any'), { maxKeys: 5 }),
    ),
  }));
  const info = fc.dictionary(fc.constantFrom(...keys), any, { maxKeys: 6 });
  fc.assert(
    fc.property(info, any, fc.constantFrom(one, hybrid, tree), (over, layers, make) => {
      attempt(encode({ info: over, 'piece layers': layers }));
      attempt(encode({ ...make(), info: { ...make().info, ...over } }));
    }),
    { numRuns: numRuns * 3, seed },
  );
});

function attempt(document: Uint8Array): void {
  const beganMs = performance.now();
  try {
    const { name, files } = readMetainfo(document);
    for (const path of [name, ...files.map(({ path }) => path)]) {
      assert.ok(
        path.split('/').every((part) => part !== '' && part !== '.' && part !== '..' && !part.includes('\\')),
        path,
      );
    }
    assert.equal(new Set(files.map(({ path }) => path.toLowerCase())).size, files.length);
  } catch (error) {
    assert.ok(error instanceof FlotillaError, String((error as Error).stack));
  }
  assert.ok(performance.now() - beganMs < 30_000);
}
