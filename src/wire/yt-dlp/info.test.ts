import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import fc from '#testing/fast-check.ts';
import { parseInfo } from './info.ts';

const page = {
  id: 'x1',
  title: 'A clip',
  extractor: 'example',
  extractor_key: 'Example',
  webpage_url: 'https://example.org/watch',
  uploader: 'Anna',
  upload_date: '20261026',
  duration: 4.5,
  ext: 'mp4',
  formats: [
    { format_id: '1', ext: 'm4a', vcodec: 'none', acodec: 'mp4a.40.2', tbr: 69.4, filesize: 1000 },
    { format_id: '2', ext: 'mp4', vcodec: 'avc1', acodec: 'none', width: 320, height: 180, fps: 25, filesize_approx: 2000.6 },
  ],
  subtitles: { en: [{ ext: 'vtt' }], live_chat: [] },
  chapters: [{ title: 'Begin', start_time: 0, end_time: 2 }],
  thumbnail: 'https://example.org/t.jpg',
  requested_downloads: [{ ext: 'mkv', requested_formats: [{}, {}], filesize: 3000 }],
  _version: { version: '2026.10.26' },
};

test('what a page with one video tells is kept, with units', () => {
  const info = parseInfo(JSON.stringify(page));
  assert.deepEqual(info.entries, [
    {
      id: 'x1',
      title: 'A clip',
      uploader: 'Anna',
      date: '2026-10-26',
      durationSeconds: 4.5,
      extension: 'mkv',
      // Put together from two parts: what becomes of them is not the sum.
      sizeBytes: null,
      isLive: false,
    },
  ]);
  assert.equal(info.version, '2026.10.26');
  assert.deepEqual(info.subtitles, ['en']);
  assert.deepEqual(info.chapters, [{ title: 'Begin', startSeconds: 0 }]);
  assert.equal(info.formats.length, 2);
  assert.deepEqual(info.formats[0], {
    id: '1',
    extension: 'm4a',
    width: null,
    height: null,
    framesPerSecond: null,
    videoCodec: null,
    audioCodec: 'mp4a.40.2',
    bitsPerSecond: 69_400,
    sizeBytes: 1000,
    estimatedSizeBytes: null,
    note: null,
  });
  assert.equal(info.formats[1]?.estimatedSizeBytes, 2001);
});

test('a list has its entries, and those that say little have little', () => {
  const info = parseInfo(JSON.stringify({ title: 'All', entries: [page, { url: 'https://example.org/2' }, null] }));
  assert.equal(info.isPlaylist, true);
  assert.deepEqual(
    info.entries.map(({ title, extension }) => [title, extension]),
    [
      ['A clip', 'mkv'],
      ['https://example.org/2', null],
      ['', null],
    ],
  );
  assert.deepEqual(info.formats, []);
});

test('links with passwords and of other schemes are not kept', () => {
  for (const link of ['file:///etc/passwd', 'javascript:alert(1)', 'https://a:b@example.org/t.jpg', 'x'.repeat(9000), 5]) {
    const info = parseInfo(JSON.stringify({ ...page, thumbnail: link, webpage_url: link }));
    assert.deepEqual([info.thumbnail, info.pageUrl], [null, null]);
  }
});

test('an empty list is nothing to fetch, and what is no description of a page is said to be none', () => {
  assert.throws(() => parseInfo('{"entries":[]}'), { code: 'unsupported' });
  for (const text of ['', 'null', '[]', '5', '{', '"x"']) assert.throws(() => parseInfo(text), { code: 'protocol_error' });
});

test('whatever a page tells, it is bounded and plain, or refused', () => {
  const anything = fc.jsonValue({ maxDepth: 3 });
  const described = fc.record(Object.fromEntries(Object.keys(page).map((name) => [name, anything])), { requiredKeys: [] });
  const listed = fc.record({ title: anything, entries: fc.array(fc.oneof(described, anything), { maxLength: 5 }) });
  fc.assert(
    fc.property(fc.oneof(described, listed, anything), (found) => {
      try {
        const info = parseInfo(JSON.stringify(found));
        assert.ok(info.entries.length > 0 && info.title.length <= 500);
        for (const { id, title, sizeBytes } of info.entries) {
          assert.ok(id.length <= 500 && title.length <= 500);
          assert.ok(sizeBytes === null || Number.isSafeInteger(sizeBytes));
        }
      } catch (error) {
        assert.ok(error instanceof FlotillaError, String(error));
      }
    }),
    { numRuns: 600, seed: 7 },
  );
});
