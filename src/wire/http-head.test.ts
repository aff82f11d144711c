import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import fc from '#testing/fast-check.ts';
import { contentLength, endOfHead, field, type HttpHead, parseHead, pouredLength } from './http-head.ts';

const parse = (text: string): HttpHead => parseHead(Buffer.from(text, 'latin1'));

const readable: [text: string, status: number, fields: Record<string, string>][] = [
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n', 200, { 'content-length': '5' }],
  ['HTTP/1.0 404 Not Found\r\n\r\n', 404, {}],
  ['HTTP/1.1 206\r\n\r\n', 206, {}],
  ['HTTP/1.1 200 \r\n\r\n', 200, {}],
  ['HTTP/1.1 200 OK\nA: b\n\n', 200, { a: 'b' }],
  ['HTTP/1.1 200 OK\r\nA:b\r\na: \t c d \t\r\n\r\n', 200, { a: 'b, c d' }],
  ['HTTP/1.1 200 OK\r\nA:\r\n\r\n', 200, { a: '' }],
  ['HTTP/1.1 200 Übergröße\r\nX: é\r\n\r\n', 200, { x: 'é' }],
  ['HTTP/1.1 200 OK\r\n__proto__: x\r\nconstructor: y\r\n\r\n', 200, { constructor: 'y' }],
];
for (const [text, status, fields] of readable) {
  test(`${JSON.stringify(text)} is read`, () => {
    const head = parse(text);
    assert.equal(head.status, status);
    for (const [name, value] of Object.entries(fields)) assert.equal(field(head, name), value);
    assert.equal(field(head, 'not-sent'), null);
  });
}

const refused: [text: string, why: RegExp][] = [
  ['', /status line/],
  ['HTTP/2 200 OK\r\n\r\n', /status line/],
  ['HTTP/1.2 200 OK\r\n\r\n', /status line/],
  ['http/1.1 200 OK\r\n\r\n', /status line/],
  ['HTTP/1.1 20 OK\r\n\r\n', /status line/],
  ['HTTP/1.1 2000 OK\r\n\r\n', /status line/],
  ['HTTP/1.1  200 OK\r\n\r\n', /status line/],
  ['HTTP/1.1 200 OK\r\nno colon\r\n\r\n', /not one/],
  ['HTTP/1.1 200 OK\r\n: nameless\r\n\r\n', /not one/],
  ['HTTP/1.1 200 OK\r\nA : space before the colon\r\n\r\n', /not one/],
  ['HTTP/1.1 200 OK\r\nA: b\r\n folded\r\n\r\n', /not one/],
  ['HTTP/1.1 200 OK\r\nA: b\rc\r\n\r\n', /not one/],
  ['HTTP/1.1 200 OK\r\nA: b\0c\r\n\r\n', /not one/],
  ['HTTP/1.1 200 OK\r\nÄ: b\r\n\r\n', /not one/],
  [`HTTP/1.1 200 OK\r\nA: ${'b'.repeat(17_000)}\r\n\r\n`, /too long/],
  [`HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(201)}\r\n`, /too many/],
  ['HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', /two ways/],
];
for (const [text, why] of refused) {
  test(`${JSON.stringify(text.slice(0, 70))} is refused`, () => {
    assert.throws(() => parse(text), { name: 'FlotillaError', code: 'protocol_error', message: why });
  });
}

const lengths: [values: string[], length: number | null | 'refused'][] = [
  [[], null],
  [['0'], 0],
  [['9007199254740991'], Number.MAX_SAFE_INTEGER],
  [['9007199254740992'], 'refused'],
  [['5', '5'], 5],
  [['5, 5'], 5],
  [['5', '6'], 'refused'],
  [['5,6'], 'refused'],
  [['-1'], 'refused'],
  [['+5'], 'refused'],
  [['5.0'], 'refused'],
  [['0x5'], 'refused'],
  [['1e3'], 'refused'],
  [['five'], 'refused'],
  [[''], 'refused'],
];
for (const [values, length] of lengths) {
  test(`Content-Length ${JSON.stringify(values)} is ${length}`, () => {
    const head = { status: 200, minorVersion: 1, fields: new Map(values.length === 0 ? [] : [['content-length', values]]) };
    if (length === 'refused') assert.throws(() => contentLength(head), { code: 'protocol_error' });
    else assert.equal(contentLength(head), length);
  });
}

const poured: [fields: string, length: number | null][] = [
  ['Content-Length: 5', 5],
  ['Content-Length: 5\r\nContent-Encoding: identity', 5],
  ['Content-Length: 5\r\nContent-Encoding: gzip', null],
  ['Content-Length: 5\r\nContent-Encoding: GZIP\r\nContent-Type: application/x-gzip', 5],
  ['Transfer-Encoding: chunked', null],
  ['X: y', null],
];
for (const [fields, length] of poured) {
  test(`${JSON.stringify(fields)} announces ${length} bytes of the file`, () => {
    assert.equal(pouredLength(parse(`HTTP/1.1 200 OK\r\n${fields}\r\n\r\n`)), length);
  });
}

test('the end of a head is found in whatever pieces it comes', () => {
  for (const text of ['HTTP/1.1 200 OK\r\nA: b\r\n\r\n', 'HTTP/1.1 200 OK\nA: b\n\n', 'HTTP/1.1 200 OK\r\nA: b\n\r\n']) {
    const bytes = Buffer.from(`${text}body\r\n\r\n`);
    for (let size = 0; size < text.length; size++) assert.equal(endOfHead(bytes.subarray(0, size), 0), -1);
    for (let from = 0; from <= text.length; from++) assert.equal(endOfHead(bytes.subarray(0, text.length), from), text.length);
  }
});

test('whatever comes in, a head is read or refused in words, and its length is one', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom(
      'HTTP/1.1 200 OK\r\n',
      'HTTP/1.',
      '\r\n',
      '\n',
      '\r',
      ': ',
      'Content-Length: ',
      '5',
      'Transfer-Encoding:',
      '\0',
    ),
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), fc.boolean(), (pieces, isWellBegun) => {
      const bytes = Buffer.from((isWellBegun ? 'HTTP/1.1 200 OK\r\n' : '') + pieces.join(''), 'latin1');
      try {
        const head = parseHead(bytes);
        assert.ok(head.status >= 0 && head.status <= 999);
        const length = contentLength(head);
        assert.ok(length === null || (Number.isSafeInteger(length) && length >= 0));
        if (!head.fields.has('content-encoding')) assert.equal(pouredLength(head), length);
      } catch (error) {
        assert.ok(error instanceof FlotillaError, String(error));
        assert.equal(error.code, 'protocol_error');
      }
    }),
    { numRuns: 2000 },
  );
});
