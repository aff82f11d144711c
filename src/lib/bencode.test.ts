import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { type Bencoded, BencodeError, decode, type Encodable, encode } from './bencode.ts';

/** `node src/lib/bencode.test.ts 1000000 7` tries a million documents of another seed. */
const numRuns = Number(process.argv[2] ?? 2000);
const seed = Number(process.argv[3] ?? 1);

const bytes = (text: string) => Buffer.from(text, 'latin1');
const read = (text: string) => decode(bytes(text));

/** What a document says, as plain values; strings as Latin-1, dictionaries as lists of pairs. */
function plain(value: Bencoded): unknown {
  if (value.kind === 'integer') return value.integer;
  if (value.kind === 'bytes') return Buffer.from(value.bytes as Uint8Array).toString('latin1');
  if (value.kind === 'list') return Array.from(value.items(), plain);
  return { entries: Array.from(value.entries(), ([key, item]) => [Buffer.from(key).toString('latin1'), plain(item)]) };
}

const good: [document: string, meaning: unknown][] = [
  ['i0e', 0],
  ['i-12e', -12],
  ['i9007199254740991e', 9007199254740991],
  ['0:', ''],
  ['3:a:b', 'a:b'],
  ['le', []],
  ['de', { entries: [] }],
  [
    'd1:ai1e2:aal1:\xffdeee',
    {
      entries: [
        ['a', 1],
        ['aa', ['\xff', { entries: [] }]],
      ],
    },
  ],
];
for (const [document, meaning] of good) {
  test(`${document} is read, and written the same`, () => {
    const value = read(document);
    assert.deepEqual(plain(value), meaning);
    assert.ok(value.isCanonical);
    assert.deepEqual(Buffer.from(encode(encodable(value))), bytes(document));
  });
}

const lapses = ['i-0e', 'i00e', 'i-01e', '00:', '01:a', 'd1:bi1e1:ai2ee', 'ld2:aai1e1:ai2eee', 'd01:ai1ee'];
for (const document of lapses) {
  test(`${document} is read, but is not the one way to write it`, () => {
    assert.equal(read(document).isCanonical, false);
    assert.notDeepEqual(Buffer.from(encode(encodable(read(document)))), bytes(document));
  });
}

const broken: [document: string, why: RegExp][] = [
  ['', /breaks off/],
  ['i', /breaks off/],
  ['i12', /breaks off/],
  ['l', /breaks off/],
  ['d', /breaks off/],
  ['1:', /breaks off/],
  ['9999999999999999999:a', /breaks off/],
  ['99999999999999999999999999999:a', /no string/],
  ['d1:a', /breaks off/],
  ['ie', /no number/],
  ['i-e', /no number/],
  ['i+1e', /no number/],
  ['i 1e', /no number/],
  ['i1.5e', /no number/],
  ['i1_e', /no number/],
  ['i111111111111111111111e', /no number/],
  ['-1:', /no value/],
  ['1a', /no string/],
  ['x', /no value/],
  ['e', /no value/],
  ['di1ei2ee', /key that is no string/],
  ['dlei2ee', /key that is no string/],
  ['d1:ae', /key without a value/],
  ['d1:ai1e1:ai2ee', /one key twice/],
  ['d1:ai1e1:bi2e1:ai3ee', /one key twice/],
  ['i1ei2e', /goes on after its end/],
  ['de\n', /goes on after its end/],
];
for (const [document, why] of broken) {
  test(`${JSON.stringify(document)} is refused`, () => {
    assert.throws(
      () => read(document),
      (error) => error instanceof BencodeError && why.test(error.message),
    );
  });
}

test('a value knows the bytes it came from, also when they are written in another way', () => {
  const whole = read('d5:otheri1e4:infod1:bi07e1:a2:xyee');
  assert.equal(Buffer.from(whole.get('info')?.raw ?? []).toString(), 'd1:bi07e1:a2:xye');
  assert.equal(whole.get('info')?.get('b')?.integer, 7);
  assert.equal(whole.get('inf'), null);
});

test('a number that is too large to be exact is none', () => {
  assert.equal(read('i9007199254740992e').integer, null);
  assert.equal(read('i-18446744073709551615e').integer, null);
});

test('depth, size and count end where they should', () => {
  assert.equal(plain(decode(bytes(`${'l'.repeat(64)}${'e'.repeat(64)}`))) !== null, true);
  assert.throws(() => decode(bytes(`${'l'.repeat(65)}${'e'.repeat(65)}`)), /nested more than 64 deep/);
  assert.throws(() => decode(bytes('l'.repeat(5_000_000))), /nested/);
  assert.throws(() => decode(new Uint8Array(11 * 2 ** 20)), /larger than 10 MiB/);
  assert.throws(() => decode(bytes(`l${'le'.repeat(3_000_000)}e`)), /more than 2097152 values/);
  assert.throws(() => decode(bytes('li1ei2ee'), { mostItems: 2 }), /more than 2 values/);
});

const leaf = fc.oneof(
  fc.maxSafeInteger(),
  fc.uint8Array({ maxLength: 40 }),
  fc.string({ unit: 'binary', maxLength: 12 }).map((text) => text.toWellFormed()),
);
const { tree } = fc.letrec<{ tree: Encodable }>((tie) => ({
  tree: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('tree'), { maxLength: 5 }),
    fc
      .uniqueArray(fc.tuple(fc.uint8Array({ maxLength: 6 }), tie('tree')), {
        maxLength: 6,
        selector: ([key]) => Buffer.from(key).toString('hex'),
      })
      .map((entries) => new Map(entries)),
  ),
}));

test('what is written is canonical, and is read back as it was', () => {
  fc.assert(
    fc.property(tree, (value) => {
      const document = encode(value);
      const back = decode(document);
      assert.ok(back.isCanonical);
      assert.deepEqual(Buffer.from(encode(encodable(back))), Buffer.from(document));
    }),
    { numRuns, seed },
  );
});

test('whatever comes in, it is read or refused with a reason, and what is canonical is written back the same', () => {
  const attempt = (document: Uint8Array) => {
    try {
      const value = decode(document);
      const again = Buffer.from(encode(encodable(value)));
      assert.equal(value.isCanonical, again.equals(document), `${Buffer.from(document).toString('latin1')}`);
    } catch (error) {
      assert.ok(error instanceof BencodeError, String((error as Error).stack));
    }
  };
  const crumbs = ['d', 'l', 'e', 'i', '-', '0', '1', '12', ':', '0:', '1:a', '2:ab', 'i1e', 'i0e', '4:info', 'de', 'le'];
  const soup = fc.array(fc.constantFrom(...crumbs), { maxLength: 30 }).map((parts) => bytes(parts.join('')));
  fc.assert(fc.property(soup, attempt), { numRuns: numRuns * 5, seed });
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), attempt), { numRuns, seed });
  // A good document with one byte changed, put in or taken out.
  const spoiled = fc.tuple(tree, fc.nat(), fc.nat({ max: 255 }), fc.constantFrom('change', 'insert', 'remove'));
  fc.assert(
    fc.property(spoiled, ([value, place, byte, how]) => {
      const document = Buffer.from(encode(value));
      const at = place % document.length;
      const rest = document.subarray(how === 'insert' ? at : at + 1);
      attempt(Buffer.concat([document.subarray(0, at), Buffer.from(how === 'remove' ? [] : [byte]), rest]));
    }),
    { numRuns, seed },
  );
});

/** A document as what `encode` takes. Numbers too large to be exact are kept by their digits. */
function encodable(value: Bencoded): Encodable {
  if (value.kind === 'integer') return value.integer ?? BigInt(Buffer.from(value.raw).toString('latin1').slice(1, -1));
  if (value.kind === 'bytes') return value.bytes as Uint8Array;
  if (value.kind === 'list') return Array.from(value.items(), encodable);
  return new Map(Array.from(value.entries(), ([key, item]) => [key, encodable(item)]));
}
