/**
 * The readers of what strangers write, from the other side: what a good writer writes is read back as it was meant, and nothing
 * that was made to be slow is. What they do with nonsense is beside each of them.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { parseCookieFile } from '#core/cookie-file.ts';
import { FlotillaError } from '#core/errors.ts';
import type { DigestAlgorithm } from '#core/resolution.ts';
import fc from '#testing/fast-check.ts';
import { fileNameOf } from './content-disposition.ts';
import { CookieJar, domainMatches, parseSetCookie } from './cookie-jar.ts';
import { parseContentRange, parseOldDigest, parseReprDigest, parseRetryAfterMs, parseUnsatisfiedRange } from './http-fields.ts';
import { endOfHead, parseHead } from './http-head.ts';
import { parseDuplicates } from './link-field.ts';
import { parseDigestChallenge } from './login.ts';
import { readMetalink } from './metalink.ts';
import { readXml, type XmlElement } from './xml.ts';

const nowMs = Date.UTC(2026, 10, 1);
const page = new URL('https://www.example.org/files/page');

const token = fc.string({ unit: fc.constantFrom(...'abcXYZ019!#$&+.^_`|~-'), minLength: 1, maxLength: 12 });
const printable = fc.string({ unit: fc.constantFrom(...' !#$&()*+,-./0189:;<=>?@AZ[]^_`az{|}~'), maxLength: 30 });

describe('what is written is read back', () => {
  test('heads', () => {
    const fields = fc.array(fc.tuple(token, printable), { maxLength: 20 });
    fc.assert(
      fc.property(fc.integer({ min: 100, max: 999 }), fields, fc.constantFrom('\r\n', '\n'), (status, written, end) => {
        const lines = [`HTTP/1.1 ${status} Whatever`, ...written.map(([name, value]) => `${name}: ${value}`), '', ''];
        const bytes = Buffer.from(lines.join(end));
        assert.equal(endOfHead(bytes, 0), bytes.length);
        const head = parseHead(bytes);
        assert.equal(head.status, status);
        for (const [name, values] of head.fields) {
          const meant = written.filter(([other]) => other.toLowerCase() === name).map(([, value]) => value.trim());
          assert.deepEqual(values, meant);
        }
        assert.equal([...head.fields.values()].flat().length, written.length);
      }),
    );
  });

  test('ranges', () => {
    const place = fc.nat({ max: Number.MAX_SAFE_INTEGER - 2 });
    fc.assert(
      fc.property(place, place, fc.option(place), (a, b, more) => {
        const [startByte, endByte] = [Math.min(a, b), Math.max(a, b) + 1];
        const sizeBytes = more === null ? null : Math.min(endByte + more, Number.MAX_SAFE_INTEGER);
        const text = `bytes ${startByte}-${endByte - 1}/${sizeBytes ?? '*'}`;
        assert.deepEqual(parseContentRange(text), { startByte, endByte, sizeBytes });
      }),
    );
    fc.assert(
      fc.property(fc.nat({ max: 999_999_999_999_999 }), (size) => assert.equal(parseUnsatisfiedRange(`bytes */${size}`), size)),
    );
  });

  test('waits, in seconds and as a date', () => {
    fc.assert(
      fc.property(fc.nat({ max: 86_400 }), (seconds) => {
        assert.equal(parseRetryAfterMs(String(seconds), nowMs), seconds * 1000);
        assert.equal(parseRetryAfterMs(new Date(nowMs + seconds * 1000).toUTCString(), nowMs), seconds * 1000);
      }),
    );
  });

  test('digests', () => {
    const sizes: [DigestAlgorithm, number][] = [
      ['md5', 16],
      ['sha-256', 32],
      ['sha-512', 64],
    ];
    const digest = fc
      .constantFrom(...sizes)
      .chain(([algorithm, size]) => fc.tuple(fc.constant(algorithm), fc.uint8Array({ minLength: size, maxLength: size })));
    fc.assert(
      fc.property(fc.array(digest, { maxLength: 10 }), (digests) => {
        const meant = digests.map(([algorithm, bytes]) => ({ algorithm, hex: Buffer.from(bytes).toString('hex') }));
        const base64 = digests.map(([algorithm, bytes]) => [algorithm, Buffer.from(bytes).toString('base64')]);
        assert.deepEqual(parseReprDigest(base64.map(([name, text]) => `${name}=:${text}:`).join(', ')), meant);
        assert.deepEqual(parseOldDigest(base64.map(([name, text]) => `${name?.toUpperCase()}=${text}`).join(',')), meant);
      }),
    );
  });

  test('file names', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1 }), (name) => {
        const wellFormed = name.toWellFormed();
        const encoded = encodeURIComponent(wellFormed).replace(/['()*]/g, (c) => `%${c.charCodeAt(0).toString(16)}`);
        assert.equal(fileNameOf(`attachment; filename="other"; filename*=UTF-8''${encoded}`), wellFormed);
      }),
    );
    fc.assert(
      fc.property(printable, (name) => {
        fc.pre(name !== '' && !name.includes('=?'));
        assert.equal(fileNameOf(`attachment; filename="${name.replace(/["\\]/g, '\\$&')}"`), name);
      }),
    );
  });

  test('mirrors', () => {
    const mirror = fc.tuple(fc.webUrl({ validSchemes: ['http', 'https'] }), fc.integer({ min: 1, max: 999_998 }));
    fc.assert(
      fc.property(fc.uniqueArray(mirror, { maxLength: 20, selector: ([url]) => new URL(url).href }), (mirrors) => {
        const field = mirrors.map(([url, pri]) => `<${new URL(url).href}>; rel=duplicate; pri=${pri}`).join(', ');
        const meant = mirrors.toSorted((a, b) => a[1] - b[1]).map(([url]) => new URL(url).href);
        assert.deepEqual(
          parseDuplicates(field, page).map(({ href }) => href),
          meant,
        );
      }),
    );
  });

  test('cookie files', () => {
    const host = fc.domain().map((name) => name.toLowerCase());
    const line = fc.record({
      host,
      below: fc.boolean(),
      secure: fc.boolean(),
      days: fc.nat({ max: 300 }),
      name: token,
      value: token,
    });
    fc.assert(
      fc.property(fc.array(line, { maxLength: 20 }), (lines) => {
        const expires = (days: number) => (days === 0 ? 0 : nowMs / 1000 + days * 86_400);
        const bool = (is: boolean) => (is ? 'TRUE' : 'FALSE');
        const text = lines.map(({ host, below, secure, days, name, value }) =>
          [below ? `.${host}` : host, bool(below), '/', bool(secure), expires(days), name, value].join('\t'),
        );
        const meant = lines.map(({ host, below, secure, days, name, value }) => {
          const expiresAtMs = days === 0 ? null : expires(days) * 1000;
          return { name, value, domain: host, hostOnly: !below, path: '/', secure, expiresAtMs };
        });
        assert.deepEqual(parseCookieFile(`# Netscape HTTP Cookie File\n${text.join('\n')}\n`, nowMs), meant);
      }),
    );
  });

  test('cookies that servers set, and none that reaches further than its server', () => {
    const attribute = fc.oneof(
      fc.constantFrom('Secure', 'HttpOnly', 'Path=/files', 'Path=x', 'Domain=example.org', 'Domain=.www.example.org'),
      fc.constantFrom(
        'Domain=org',
        'Domain=other.example',
        'Domain=',
        'Max-Age=0',
        'Max-Age=-5',
        'Max-Age=99999999999999999999',
      ),
      fc.date({ noInvalidDate: true }).map((date) => `Expires=${date.toUTCString()}`),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(token, token, fc.array(attribute, { maxLength: 6 }), (name, value, attributes) => {
        const cookie = parseSetCookie(page, [`${name}=${value}`, ...attributes].join('; '), nowMs);
        if (cookie === null) return;
        assert.deepEqual([cookie.name, cookie.value], [name, value]);
        assert.ok(cookie.hostOnly ? cookie.domain === page.hostname : domainMatches(page.hostname, cookie.domain));
        assert.ok(cookie.path.startsWith('/'));
        assert.ok(cookie.expiresAtMs === null || cookie.expiresAtMs <= nowMs + 400 * 86_400_000);
      }),
      { numRuns: 1000 },
    );
    fc.assert(
      fc.property(token, token, (name, value) => {
        const jar = new CookieJar([]);
        jar.keep(page, [`${name}=${value}; Path=/; Max-Age=60`], nowMs);
        assert.equal(jar.headerFor(page, nowMs), `${name}=${value}`);
      }),
    );
  });

  test('XML', () => {
    const word = fc.string({ unit: fc.constantFrom(...'abc<>&"\' é\u{1f600}'), maxLength: 8 });
    const name = fc.constantFrom('a', 'b:c', '_x', 'long-name.1');
    const { tree } = fc.letrec<{ tree: XmlElement }>((tie) => ({
      tree: fc
        .tuple(
          name,
          fc.uniqueArray(fc.tuple(name, word), { selector: ([key]) => key, maxLength: 3 }),
          word,
          fc.oneof(
            { depthSize: 'small', withCrossShrink: true },
            fc.constant<XmlElement[]>([]),
            fc.array(tie('tree'), { maxLength: 3 }),
          ),
        )
        .map(([name, attributes, text, children]) => ({
          name,
          attributes: new Map<string, string>(attributes),
          text,
          children,
        })),
    }));
    fc.assert(fc.property(tree, (root) => void assert.deepEqual(readXml(Buffer.from(write(root))), root)));
  });
});

function write({ name, attributes, text, children }: XmlElement): string {
  const given = [...attributes].map(([key, value]) => ` ${key}="${escaped(value)}"`).join('');
  return `<${name}${given}>${escaped(text)}${children.map(write).join('')}</${name}>`;
}

function escaped(text: string): string {
  return text.replace(/[<>&"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

/** Every reader, with what might make it go over its input again and again. */
const readers: [name: string, read: (text: string) => unknown, prefixes: string[]][] = [
  [
    'head',
    (text) => parseHead(Buffer.from(text, 'latin1')),
    ['HTTP/1.1 200 OK\r\n', 'HTTP/1.1 200 OK\r\na: ', 'HTTP/1.1 200 '],
  ],
  ['end of head', (text) => endOfHead(Buffer.from(text, 'latin1'), 0), ['HTTP/1.1 200 OK\r\n']],
  ['range', parseContentRange, ['', 'bytes ', 'bytes 1-']],
  ['size', parseUnsatisfiedRange, ['', 'bytes ', 'bytes */']],
  ['wait', (text) => parseRetryAfterMs(text, nowMs), ['', 'Sun, ', '1']],
  ['digest', parseReprDigest, ['', 'sha-256=', 'sha-256=:']],
  ['old digest', parseOldDigest, ['', 'sha-256=']],
  ['file name', fileNameOf, ['attachment; filename=', 'attachment; filename="', "attachment; filename*=UTF-8''"]],
  ['mirrors', (text) => parseDuplicates(text, page), ['', '<', '<http://b/>; rel=duplicate', '<http://b/>; a="']],
  ['cookie', (text) => parseSetCookie(page, text, nowMs), ['a=b; ', 'a=b; Expires=', '']],
  ['cookie file', (text) => parseCookieFile(text, nowMs), ['', 'example.org\tTRUE\t/\tFALSE\t0\ta\t']],
  ['login', (text) => parseDigestChallenge([text]), ['Digest ', 'Digest realm="']],
  ['XML', (text) => readXml(Buffer.from(text)), ['', '<a>', '<a b="', '<!--', '<a><![CDATA[']],
  ['Metalink', (text) => readMetalink(Buffer.from(text)), ['<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="']],
];
const slowPieces = [
  ' ',
  '\t',
  '"',
  '\\',
  ';',
  ',',
  '=',
  '<',
  '>',
  '&',
  '%',
  "'",
  ':',
  '-',
  '0',
  'a',
  'é',
  '\r\n',
  '\n',
  '\0',
  '; a',
  '=?',
];

describe('nothing that was made to be slow is', () => {
  for (const [name, read, prefixes] of readers) {
    test(name, () => {
      for (const prefix of prefixes) {
        for (const piece of slowPieces) {
          const beganMs = performance.now();
          try {
            read(prefix + piece.repeat(60_000));
          } catch (error) {
            assert.ok(error instanceof FlotillaError, `${JSON.stringify(prefix + piece)}: ${error}`);
          }
          const tookMs = performance.now() - beganMs;
          assert.ok(tookMs < 30_000, `${JSON.stringify(prefix)} and many ${JSON.stringify(piece)} took ${tookMs} ms`);
        }
      }
    });
  }
});
