/** The readers of what FTP servers write: what is written well is read back, and nonsense is neither believed nor slow. */
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import fc from '#testing/fast-check.ts';
import { FtpControl } from './ftp-control.ts';
import { factsOf, ListingReader, parseListLine, parseMlsdLine } from './ftp-listing.ts';
import { linksBelow, pathOfLink, textOfName } from './ftp-path.ts';
import { systemClock } from './system.ts';

const seed = 51;
const runs = { seed, numRuns: 2000 };

/** Any bytes that a file name on a server may have, one character for each. */
const name = fc
  .string({ unit: fc.integer({ min: 1, max: 255 }).map((byte) => String.fromCharCode(byte)), minLength: 1, maxLength: 40 })
  .filter((text) => !/[/\r\n]/.test(text) && text !== '.' && text !== '..');
const size = fc.integer({ min: 0, max: 2 ** 48 });
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const month = fc.constantFrom(...months);

function entry(text: string, kind: 'file' | 'folder', sizeBytes: number | null) {
  return { name: Buffer.from(text, 'latin1'), kind, sizeBytes };
}

describe('what servers write is read back', () => {
  test('lines of MLSD', () => {
    fc.assert(
      fc.property(name, size, fc.boolean(), (text, sizeBytes, isFile) => {
        const line = `Modify=20200102030405;Size=${sizeBytes};TYPE=${isFile ? 'file' : 'dir'};UNIX.mode=0644; ${text}`;
        assert.deepEqual(parseMlsdLine(line), entry(text, isFile ? 'file' : 'folder', isFile ? sizeBytes : null));
      }),
      runs,
    );
  });

  test('lines of LIST on Unix', () => {
    const when = fc.oneof(
      fc.tuple(month, fc.integer({ min: 1, max: 31 }), fc.constantFrom('2020', '12:34')).map((parts) => parts.join(' ')),
      fc.constant('2020-01-02 12:34'),
    );
    const owners = fc.constantFrom('anna users', 'anna', '1000 1000', 'anna domain-users');
    fc.assert(
      fc.property(name, size, when, owners, fc.boolean(), (text, sizeBytes, time, owner, isFile) => {
        const line = `${isFile ? '-' : 'd'}rw-r--r--+  1 ${owner}   ${sizeBytes} ${time} ${text}`;
        assert.deepEqual(parseListLine(line), entry(text, isFile ? 'file' : 'folder', isFile ? sizeBytes : null));
      }),
      runs,
    );
  });

  test('lines of LIST on DOS', () => {
    // The columns of a folder leave no telling how many spaces a name begins with.
    const visible = name.filter((text) => !/^\s/.test(text));
    fc.assert(
      fc.property(visible, size, fc.boolean(), (text, sizeBytes, isFile) => {
        const line = `01-02-20  03:04PM ${isFile ? `${sizeBytes}`.padStart(20) : '      <DIR>         '} ${text}`;
        assert.deepEqual(parseListLine(line), entry(text, isFile ? 'file' : 'folder', isFile ? sizeBytes : null));
      }),
      runs,
    );
  });

  test('links of files below a folder lead to the same bytes', () => {
    const folders = [
      'ftp://h/',
      'ftp://h',
      'ftp://h/a%20b/',
      'ftp://anna:x@h/a?b/',
      'ftps://h/a;mode=active',
      'ftp://h/a/;type=d',
    ];
    fc.assert(
      fc.property(fc.constantFrom(...folders), fc.array(name, { minLength: 1, maxLength: 4 }), (folder, parts) => {
        const bytes = parts.map((part) => Buffer.from(part, 'latin1'));
        const base = pathOfLink(new URL(folder));
        const link = new URL(linksBelow(new URL(folder))(bytes));
        const path = pathOfLink(link);
        const prefix = base.bytes.toString('latin1').replace(/\/$/, '');
        assert.equal(path.bytes.toString('latin1'), [...(prefix === '' ? [] : [prefix]), ...parts].join('/'));
        assert.deepEqual([link.username, link.password, path.isFolder], ['', '', false]);
        assert.equal(path.marks.get('mode'), base.marks.get('mode'));
      }),
      runs,
    );
  });
});

describe('nonsense', () => {
  const bytes = fc.uint8Array({ maxLength: 400 });
  const almost = fc.string({
    unit: fc.constantFrom(...'-drwx 0123456789:;=/\\\r\n.<DIR>AMPtypesizefileJan\0\xff'),
    maxLength: 400,
  });

  test('no listing leads out of its folder, whatever stands in it and however it is cut into chunks', () => {
    fc.assert(
      fc.property(fc.constantFrom('mlsd', 'list'), fc.oneof(bytes, almost), fc.nat({ max: 50 }), (form, written, step) => {
        const all = typeof written === 'string' ? Buffer.from(written, 'latin1') : Buffer.from(written);
        const [whole, cut] = [new ListingReader(form), new ListingReader(form)];
        whole.take(all);
        whole.end();
        for (let at = 0; at < all.length; at += step + 1) cut.take(all.subarray(at, at + step + 1));
        cut.end();
        assert.deepEqual(cut.entries, whole.entries);
        for (const one of whole.entries) {
          const text = one.name.toString('latin1');
          assert.ok(text !== '' && text !== '.' && text !== '..' && !/[/\0\r\n]/.test(text), JSON.stringify(text));
          assert.ok(one.sizeBytes === null || Number.isSafeInteger(one.sizeBytes));
          assert.equal(typeof textOfName(one.name), 'string');
        }
      }),
      runs,
    );
  });

  test('lines that were made to be slow do not hold the program up', () => {
    const long = 200_000;
    for (const line of [
      '-rw-r--r-- '.repeat(long / 10),
      `-rw-r--r-- 1 ${'1 '.repeat(long)}`,
      ' '.repeat(long),
      'a=b;'.repeat(long),
    ]) {
      for (const form of ['mlsd', 'list'] as const) {
        const reader = new ListingReader(form);
        reader.take(Buffer.from(`${line}\n`));
        reader.end();
        assert.deepEqual(reader.entries, []);
      }
      assert.ok(factsOf(line).size <= 50);
      parseListLine(line);
      parseMlsdLine(line);
    }
  });

  test('no answer of a server throws anything but a sentence', async () => {
    const answers = fc.string({ unit: fc.constantFrom(...'0123456789- \r\nabc\0\xff'), maxLength: 200 });
    const spoken = fc.oneof(
      answers,
      fc.array(fc.constantFrom('220 a', '220-a', '220', ' 220 b', '421 c', '', '12')).map((lines) => lines.join('\r\n')),
    );
    await fc.assert(
      fc.asyncProperty(spoken, async (text) => {
        const socket = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done() });
        const control = new FtpControl(systemClock, socket, 'server', 30_000);
        socket.push(Buffer.from(`${text}\r\n`, 'latin1'));
        socket.push(null);
        const signal = new AbortController().signal;
        const reply = await control.reply(signal).catch((error: unknown) => error);
        if (reply instanceof Error)
          assert.ok(reply instanceof FlotillaError && /^(connection_lost|protocol_error)$/.test(reply.code));
        else assert.match(String((reply as { code: number }).code), /^\d{1,3}$/);
        control.close();
      }),
      { seed, numRuns: 300 },
    );
  });
});
