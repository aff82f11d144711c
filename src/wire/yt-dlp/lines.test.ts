import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { parseLine } from './lines.ts';

const begin =
  '@begin {"video":{"id": "a", "title": "A", "playlist_index": 2, "n_entries": 3, "format_id": "1+2"},"parts":[{"format_id": "1", "filesize": 10}, {"format_id": "2"}]}';
const progress =
  '@progress {"status": "downloading", "downloaded_bytes": 1024, "total_bytes_estimate": 2048.4, "filename": "/f/2.f1.mp4", "speed": null}';
const done =
  '@done {"video":{"playlist_index": 2, "filepath": "/f/2.mp4", "requested_subtitles": {"en": {"filepath": "/f/2.en.vtt"}, "fr": null}},"thumbnails":["/f/2.jpg"]}';

test('each kind of line is read', () => {
  assert.deepEqual(parseLine(begin), {
    is: 'begin',
    entry: 2,
    entryCount: 3,
    title: 'A',
    isLive: false,
    signature: '["a","1+2",null,null,[10,null]]',
    partSizesBytes: [10, null],
  });
  assert.deepEqual(parseLine(progress), { is: 'progress', file: '/f/2.f1.mp4', doneBytes: 1024, totalBytes: 2048 });
  assert.deepEqual(parseLine(done), {
    is: 'done',
    entry: 2,
    path: '/f/2.mp4',
    subtitles: [{ language: 'en', path: '/f/2.en.vtt' }],
    thumbnails: ['/f/2.jpg'],
  });
});

test('where yt-dlp knows nothing it writes NA, and the one video of a page has no number', () => {
  const line = parseLine('@done {"video":{"filepath": "/f/1.mp4"},"thumbnails":NA}');
  assert.deepEqual(line, { is: 'done', entry: 1, path: '/f/1.mp4', subtitles: [], thumbnails: [] });
});

test('another version of what is behind a page has another signature', () => {
  const signature = (text: string) => (parseLine(text) as { signature: string }).signature;
  for (const [from, to] of [
    ['"id": "a"', '"id": "b"'],
    ['1+2', '3'],
    ['"filesize": 10', '"filesize": 11'],
  ] as const) {
    assert.notEqual(signature(begin), signature(begin.replace(from, to)));
  }
});

test('lines of others, and broken ones, are left', () => {
  const others = [
    '',
    '[download] 5 %',
    '@begin',
    '@begin {}',
    '@progress {"downloaded_bytes":1}',
    '@done {"video":{}}',
    '@exec {}',
  ];
  for (const line of [...others, '@begin {"video":{"playlist_index":-1}}', `${done.slice(0, -5)}}`]) {
    assert.equal(parseLine(line), null, line);
  }
});

test('no line makes the reader throw', () => {
  const cut = fc
    .tuple(fc.constantFrom(begin, progress, done), fc.nat(200), fc.string({ maxLength: 5 }))
    .map(([line, at, put]) => line.slice(0, at) + put + line.slice(at + put.length));
  const made = fc
    .tuple(fc.constantFrom('begin', 'progress', 'done'), fc.jsonValue({ maxDepth: 3 }))
    .map(([mark, value]) => `@${mark} {"video":${JSON.stringify(value)},"parts":${JSON.stringify(value)},"thumbnails":[5]}`);
  fc.assert(
    fc.property(fc.oneof(cut, made), (line) => {
      const read = parseLine(line);
      assert.ok(read === null || read.is === 'progress' || read.entry >= 1);
    }),
    { numRuns: 2000, seed: 11 },
  );
});
