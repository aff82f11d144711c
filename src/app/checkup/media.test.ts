import assert from 'node:assert/strict';
import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ytDlpPath } from '#testing/serve-media.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { checkMedia } from './media.ts';

const path = '/usr/local/bin:/usr/bin:/bin';

function programThatSays(t: Scope, words: string): string {
  const program = join(tempFolder(t), 'program');
  writeFileSync(program, `#!/bin/sh\necho ${words}\n`, { mode: 0o755 });
  return program;
}

test('the doctor names the versions of yt-dlp and ffmpeg', { timeout: 60_000 }, async () => {
  const [found] = await checkMedia({ ytDlp: ytDlpPath }, path);
  assert.match(found?.message ?? '', /^yt-dlp 20\d\d\.[\d.]+ and ffmpeg [\d.]+\S* fetch them\.$|more than a year old/);
});

test('the doctor says what is missing or old', async (t) => {
  const [absent] = await checkMedia({ ytDlp: '/nowhere/yt-dlp' }, path);
  assert.deepEqual([absent?.level, /Install yt-dlp/.test(absent?.message ?? '')], ['ok', true]);
  const [old] = await checkMedia({ ytDlp: programThatSays(t, '2023.03.04') }, path);
  assert.match(`${old?.level} ${old?.message}`, /^warn yt-dlp 2023\.03\.04 is too old/);
  const [aged] = await checkMedia({ ytDlp: programThatSays(t, '2024.08.06') }, path);
  assert.match(`${aged?.level} ${aged?.message}`, /^warn yt-dlp 2024\.08\.06 is more than a year old/);
  const alone = tempFolder(t);
  symlinkSync('/bin/sh', join(alone, 'sh'));
  const [unable] = await checkMedia({ ytDlp: programThatSays(t, '2026.10.26') }, alone);
  assert.match(`${unable?.level} ${unable?.message}`, /^warn .*Install ffmpeg/);
});
