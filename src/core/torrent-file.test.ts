import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isTorrentFile } from './torrent-file.ts';

const seen = (what: { mediaType?: string; name?: string; bytes?: string }) =>
  isTorrentFile({ mediaType: what.mediaType ?? null, name: what.name ?? null, firstBytes: Buffer.from(what.bytes ?? '') });

test('a .torrent is known by its media type, its name, or how it begins', () => {
  assert.ok(seen({ mediaType: 'application/x-bittorrent' }));
  assert.ok(seen({ name: 'Some File.TORRENT' }));
  for (const bytes of ['d8:announce', 'd4:infod', 'd10:created by5:x', 'd13:announce-listll', 'd7:comment']) {
    assert.ok(seen({ bytes }), bytes);
  }
});

test('other things are none', () => {
  assert.ok(!seen({}));
  assert.ok(!seen({ mediaType: 'application/octet-stream', name: 'torrent.iso' }));
  for (const bytes of ['', 'd', 'de', 'd1:ai1ee', 'd4:name', 'd5:infox', 'i1e', 'document', '<html>']) {
    assert.ok(!seen({ bytes }), bytes);
  }
});
