import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { insideRoot, nameFromLink, numberedName, partName, safeName } from './names.ts';

const cases = [
  ['a b.iso', 'a b.iso'],
  ['../../etc/passwd', 'passwd'],
  ['..\\..\\windows\\system32\\cmd.exe', 'cmd.exe'],
  ['/etc/shadow', 'shadow'],
  ['..', 'download'],
  ['.', 'download'],
  ['', 'download'],
  ['   ', 'download'],
  ['.bashrc', 'bashrc'],
  ['CON', '_CON'],
  ['nul.txt', '_nul.txt'],
  ['com1.tar.gz', '_com1.tar.gz'],
  ['name. . ', 'name'],
  ['a\u0000b.txt', 'ab.txt'],
  ['invoice\u202Efdp.exe', 'invoicefdp.exe'],
  ['a.part', 'a.part'],
  ['a.part.journal', 'a.part_journal'],
  ['a b.PART.Journal.12.new', 'a b.part_journal.12.new'],
  ['zero\u200Bwidth', 'zerowidth'],
  ['a<b>c:d"e|f?g*h', 'a_b_c_d_e_f_g_h'],
  ['line\r\nbreak', 'linebreak'],
  ['cafe\u0301', 'caf\u00e9'],
  ['Конференция 2026.mp4', 'Конференция 2026.mp4'],
] as const;
for (const [text, name] of cases)
  test(`${JSON.stringify(text)} is saved as ${JSON.stringify(name)}`, () => assert.equal(safeName(text), name));

test('an over-long name is cut to 255 bytes between letters and keeps its extension', () => {
  const name = safeName(`${'й'.repeat(300)}.tar.gz`);
  assert.ok(Buffer.byteLength(name) <= 255);
  assert.match(name, /^й+\.tar\.gz$/);
});

test('whatever comes in, the name lies inside its folder, is visible and at most 255 bytes', () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.string({ unit: 'grapheme' })),
      fc.nat(9999),
      (text, number) => {
        const name = numberedName(safeName(text), number);
        assert.ok(Buffer.byteLength(name) <= 255, name);
        assert.ok(name.length > 0 && !name.startsWith('.') && !/[/\\\p{Cc}]/u.test(name));
        assert.equal(insideRoot('/files', name), `/files/${name}`);
        assert.equal(safeName(name), name, 'a safe name stays as it is');
      },
    ),
  );
});

test('unfinished files of the longest name have names of their own, with room for the journal', () => {
  const name = safeName(`${'й'.repeat(300)}.iso`);
  assert.ok(Buffer.byteLength(`${partName(name, 1_000_000)}.journal.4194304.new`) <= 255);
  assert.match(partName(name, 1), /^й+ \(1\)\.iso\.part$/);
  assert.equal(partName('a.iso', 0), 'a.iso.part');
});

test('a path that leaves the folder is refused', () => {
  for (const name of ['../x', '/etc/passwd', '.', 'a/../../b']) assert.throws(() => insideRoot('/files', name), /outside/);
  assert.equal(insideRoot('/', 'x'), '/x');
});

test('a numbered name keeps its extension', () => {
  assert.equal(numberedName('a.iso', 0), 'a.iso');
  assert.equal(numberedName('a.iso', 1), 'a (1).iso');
  assert.equal(numberedName('a.tar.gz', 2), 'a (2).tar.gz');
  assert.equal(numberedName('README', 3), 'README (3)');
});

const links = [
  ['https://example.org/a/b%20c.iso?token=a/b', 'b c.iso'],
  ['https://example.org/', 'example.org'],
  ['https://example.org', 'example.org'],
  ['https://example.org/a%2F..%2Fb', 'b'],
  ['https://example.org/%E9t%E9.txt', 'été.txt'],
  ['https://example.org/folder/', 'folder'],
] as const;
for (const [link, name] of links) test(`${link} suggests ${name}`, () => assert.equal(nameFromLink(new URL(link)), name));
