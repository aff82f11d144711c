import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sources } from '#sources/index.ts';
import { holdsLinks, isLink, isMetalinkText, linksOfFile, readLines } from './links.ts';

const links = [
  'https://example.org/a.iso',
  'ftp://host/file',
  '<https://example.org/>',
  '"http://a/b"',
  'magnet:?xt=urn:btih:00',
  'S3://b/k',
];
for (const link of links) test(`${link} is a link`, () => assert.ok(isLink(link)));

const others = [
  '',
  'hello',
  'example.org/file',
  'ftp//mirror',
  'note: buy milk',
  'https://',
  'https://a b',
  'C:\\file',
  'mailto:a@b.c',
];
for (const text of others) test(`${JSON.stringify(text)} is not a link`, () => assert.ok(!isLink(text)));

test('lines keep their order, empty ones, comments and repeats go', () => {
  const text = '# list\nhttps://a/1\n\n  https://a/2  \r\nnonsense here\nhttps://a/1\n';
  assert.deepEqual(
    readLines(text).map((line) => [line.text, line.isLink]),
    [
      ['https://a/1', true],
      ['https://a/2', true],
      ['nonsense here', false],
    ],
  );
});

test('several links in one line are several lines', () => {
  assert.deepEqual(
    readLines('https://a/1 https://a/2\thttps://a/3').map((line) => line.text),
    ['https://a/1', 'https://a/2', 'https://a/3'],
  );
});

test('only text with a link of a known scheme opens the dialog', () => {
  assert.ok(holdsLinks('see\nhttps://a/1'));
  assert.ok(!holdsLinks('just words'));
  assert.ok(!holdsLinks('slack://channel/1'));
});

for (const scheme of sources.flatMap(({ schemes }) => schemes)) {
  test(`links of ${scheme} open the dialog, and are found in a saved page`, () => {
    const link = scheme === 'magnet:' ? 'magnet:?xt=urn:btih:00' : `${scheme}//host/a`;
    assert.ok(holdsLinks(`see\n${link}`));
    assert.equal(linksOfFile(`<p><a href="${link}">`), link);
  });
}

test('a Metalink document is known by its first element', () => {
  const root = '<metalink xmlns="urn:ietf:params:xml:ns:metalink">';
  for (const before of [
    '',
    '\uFEFF<?xml version="1.0"?>\n',
    ' <!-- <metalink> -->\n<!-- x -->',
    '<?xml version="1.0"?><!-- a -->',
  ])
    assert.ok(isMetalinkText(`${before}${root}</metalink>`), before);
  for (const text of ['', 'https://a/x.metalink', '<html><metalink>', '<metalinks>', 'see <metalink>'])
    assert.ok(!isMetalinkText(text), text);
});

test('shortcuts give the one link that they are for, saved pages the ones they write out, other texts themselves', () => {
  const link = 'https://example.org/a?x=1&y=2';
  const plist = `<?xml version="1.0"?><!DOCTYPE plist><plist><dict><key>URL</key><string>https://example.org/a?x=1&amp;y=2</string>`;
  const files = [
    `[DEFAULT]\r\nBASEURL=https://no.example/\r\n[InternetShortcut]\r\nURL=${link}\r\nIconFile=https://no.example/i.ico\r\n`,
    `#!/usr/bin/env xdg-open\n[Desktop Entry]\nType=Link\nURL=${link}\n`,
    plist,
    `bplist00\u00d1\u0001\u0002SURL_\u0010\u001d${link}\u0008\u000b`,
    '<!doctype html><p><a class=x href="https://example.org/a?x=1&amp;y=2">x</a><a href="/local.iso"><img src="https://no.example/x">',
  ];
  for (const text of files) assert.equal(linksOfFile(text), link, text);
  assert.equal(linksOfFile('<https://a.example/>\nmore'), '<https://a.example/>\nmore');
});
