import assert from 'node:assert/strict';
import { test } from 'node:test';
import { holdsLinks, isLink, isMetalinkText, readLines } from './links.ts';

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
