import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import fc from '#testing/fast-check.ts';
import { linksOfPage } from './html-links.ts';
import { type LinkChoice, readLinks } from './link-list.ts';

const all: LinkChoice = { extensions: new Set(), sameHost: false };
const only = (...extensions: string[]): LinkChoice => ({ ...all, extensions: new Set(extensions) });
const address = new URL('https://files.example.org/pub/index.html?C=N');
const read = (text: string | Uint8Array, choice = all, from: URL | null = address) =>
  readLinks(typeof text === 'string' ? Buffer.from(text) : text, from, choice).map(({ href }) => href);

describe('texts', () => {
  test('links stand on lines of their own or side by side; comments, quotes and brackets are forgiven', () => {
    const text =
      '\ufeff# mine\r\nhttps://a.example/1.iso\n  <https://a.example/2.iso>  \n"ftp://b.example/3" magnet:?xt=urn:btih:x\n\nwords\nhttps://a.example/1.iso\n';
    assert.deepEqual(read(text), [
      'https://a.example/1.iso',
      'https://a.example/2.iso',
      'ftp://b.example/3',
      'magnet:?xt=urn:btih:x',
    ]);
  });

  test('a text without links is refused with a sentence', () => {
    for (const text of ['', 'nothing here\n', '# https://a.example/1.iso', 'https:// x'])
      assert.throws(() => read(text), { code: 'unsupported', message: /no link in this list/ });
  });

  test('a text of another encoding says so itself', () => {
    assert.deepEqual(read(Buffer.from('\ufeffhttps://a.example/1.iso\r\n', 'utf16le')), ['https://a.example/1.iso']);
  });
});

describe('pages', () => {
  const page = `<!DOCTYPE html><html><head><title>Index <a href="no.iso"></title><base target="_blank"></head><body>
    <!-- <a href="hidden.iso">x</a> --><script>document.write('<a href="script.iso">')</script>
    <a href="?C=M;O=A">Date</a> <a href="../">up</a> <a href="about.html">about</a> <a href=plain.iso>1</a>
    <A CLASS=x HREF='two%20words.zip#part'>2</A> <a data-href="data.iso" href="a.tar.gz?x=1&amp;y=2">3</a>
    <a href="//cdn.example.com/far.iso">4</a> <a href="javascript:alert(1)">5</a> <a href="mailto:a@b.iso">6</a>
    <a href="plain.iso">again</a> <area href="/map.iso"> <a>none</a> <a href="first.iso" href="second.iso">7</a></body></html>`;
  const base = 'https://files.example.org/pub/';

  test('links to files come in the order of the page, each once; what is no tag of the page is none', () => {
    assert.deepEqual(read(page), [
      `${base}plain.iso`,
      `${base}two%20words.zip`,
      `${base}a.tar.gz?x=1&y=2`,
      'https://cdn.example.com/far.iso',
      'https://files.example.org/map.iso',
      `${base}first.iso`,
    ]);
  });

  test('chosen extensions and the own host narrow them', () => {
    assert.deepEqual(read(page, only('zip', 'gz')), [`${base}two%20words.zip`, `${base}a.tar.gz?x=1&y=2`]);
    assert.deepEqual(read(page, only('html')), [`${base}about.html`]);
    assert.equal(
      read(page, { ...all, sameHost: true }).some((link) => link.includes('cdn')),
      false,
    );
    assert.throws(() => read(page, only('flac')), { code: 'unsupported', message: /Choose other extensions/ });
  });

  test('the first base of a page counts, and a page given as a file needs one', () => {
    const based = '<html><base href="https://b.example/x/"><base href="https://c.example/"><a href="1.iso">';
    assert.deepEqual(read(based), ['https://b.example/x/1.iso']);
    assert.deepEqual(read(based, all, null), ['https://b.example/x/1.iso']);
    assert.throws(() => read('<html><a href="1.iso">', all, null), { code: 'unsupported' });
    assert.deepEqual(read('<html><a href="https://d.example/1.iso">', all, null), ['https://d.example/1.iso']);
  });

  test('what stands behind a title is found, whatever letters it has', () => {
    const links = read(`<html><TITLE>${'İ'.repeat(20)}</TITLE><a href="/1.iso"></a><a href="/2.iso">`);
    assert.deepEqual(links, ['https://files.example.org/1.iso', 'https://files.example.org/2.iso']);
  });

  test('a page that was made to be slow is not, and cut ones end', () => {
    const beganMs = performance.now();
    for (const part of ['<a ', '<a href="', '<!--', '<script>', '<a href=x', '<<<<', '<a =', "<a b='", '</a', '<title><a '])
      linksOfPage(`<html>${part.repeat(200_000)}`, address);
    const many = linksOfPage(Array.from({ length: 150_000 }, (_, index) => `<a href=${index}.iso>`).join(''), address);
    assert.equal(many.length, 100_000);
    assert.ok(performance.now() - beganMs < 30_000);
  });

  test('whatever it is, it gives absolute links or none', () => {
    const piece = fc.constantFrom('<a ', 'href', '=', '"', "'", '>', '<', '/', 'x.iso', '&#x41;', '&amp;', '<!--', '-->', ' ');
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string())), (pieces) => {
        for (const link of linksOfPage(pieces.join(''), address)) assert.ok(URL.canParse(link.href));
      }),
      { numRuns: 2000 },
    );
  });
});

describe('shortcuts', () => {
  const link = 'https://example.org/a?x=1&y=2';
  const plist = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict><key>Title</key><string>no</string><key>URL</key><string>https://example.org/a?x=1&amp;y=2</string></dict></plist>`;
  const binary = (text: string) => {
    const length = text.length < 256 ? [0x10, text.length] : [0x11, text.length >> 8, text.length & 255];
    const body = [0xd1, 1, 2, 0x53, ...Buffer.from('URL'), 0x5f, ...length, ...Buffer.from(text)];
    return Buffer.concat([Buffer.from('bplist00'), Buffer.from(body), Buffer.alloc(40, 0)]);
  };

  test('each kind of desktop writes its own, and the link in it is the one', () => {
    const written = {
      windows: `[DEFAULT]\r\nBASEURL=https://no.example/\r\n[InternetShortcut]\r\nIDList=\r\nURL=${link}\r\nIconIndex=0\r\n`,
      linux: `#!/usr/bin/env xdg-open\n[Desktop Entry]\nEncoding=UTF-8\nType=Link\nName=x\nURL[fr]=https://no.example/\nURL=${link}\n`,
      mac: plist,
      newerMac: binary(link),
    };
    for (const [name, text] of Object.entries(written)) assert.deepEqual(read(text), [link], name);
    const long = `https://example.org/${'a'.repeat(500)}`;
    assert.deepEqual(read(binary(long)), [long]);
  });

  test('one that starts a program, holds no link or is cut is refused with a sentence', () => {
    const bad = [
      '[Desktop Entry]\nType=Application\nExec=rm -rf /\nURL=https://example.org/x\n',
      '[InternetShortcut]\r\nIconIndex=0\r\n[Other]\r\nURL=https://example.org/x\r\n',
      '[InternetShortcut]\r\nURL=nonsense\r\n',
      plist.replace('URL', 'Other'),
      plist.replace('>\n<plist', '[<!ENTITY x SYSTEM "file:///etc/passwd">]>\n<plist').replace('a?x', '&x;'),
      plist.slice(0, -20),
      binary(link).subarray(0, 30),
    ];
    for (const text of bad)
      assert.throws(
        () => read(text),
        (error) => error instanceof FlotillaError && error.message.length > 20,
        text.toString(),
      );
  });

  test('cut or changed anywhere, it is refused or gives a link, and nothing else', () => {
    const kinds = [Buffer.from(plist), binary(link), Buffer.from(`[InternetShortcut]\nURL=${link}`)];
    fc.assert(
      fc.property(fc.constantFrom(...kinds), fc.nat(400), fc.nat(255), fc.nat(400), (whole, at, byte, end) => {
        const bytes = Buffer.from(whole.subarray(0, Math.max(1, whole.length - (end % whole.length))));
        bytes[at % bytes.length] = byte;
        try {
          read(bytes);
        } catch (error) {
          assert.ok(error instanceof FlotillaError, String(error));
        }
      }),
      { numRuns: 3000 },
    );
  });
});
