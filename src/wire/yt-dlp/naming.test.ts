import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tempFolder } from '#testing/temp.ts';
import { takeFile } from './files.ts';
import { besideName, nameOf, toldApart } from './naming.ts';
import { isTooOld, warnOfAge } from './version.ts';

const named = { title: 'A clip', id: 'x1', uploader: 'Anna', date: '2026-10-26', number: 3 };

const names: [template: string, title: string, name: string][] = [
  ['{title}', 'A clip', 'A clip.mp4'],
  ['{number}. {title} [{id}] {uploader} {date} {other}', 'A clip', '3. A clip [x1] Anna 2026-10-26 {other}.mp4'],
  ['{title}', 'AC/DC \\ live', 'AC-DC - live.mp4'],
  ['{title}', '../../etc/passwd', '-..-etc-passwd.mp4'],
  ['{title}', 'v1.5 final', 'v1.5 final.mp4'],
  ['{title}', '', 'media.mp4'],
  ['{title}', '\u202egpj.exe\u0000', 'gpj.exe.mp4'],
  ['/etc/{title}', 'x', '-etc-x.mp4'],
  ['{constructor}{title}', 'x', '{constructor}x.mp4'],
];
for (const [template, title, name] of names) {
  test(`${template} of ${JSON.stringify(title)} is ${name}`, () =>
    assert.equal(nameOf(template, { ...named, title }, 'mp4'), name));
}

test('a long title keeps its extension, also beside it', () => {
  const name = nameOf('{title}', { ...named, title: 'ü'.repeat(500) }, 'mp4');
  assert.ok(Buffer.byteLength(name) <= 255 && name.endsWith('.mp4'));
  const beside = besideName(name, 'en', 'vtt');
  assert.ok(Buffer.byteLength(beside) <= 255 && beside.endsWith('.vtt'));
  assert.equal(besideName('A.mp4', '../x', 'vtt'), 'A.x.vtt');
});

test('names that are the same, or nearly, are told apart', () => {
  assert.deepEqual(toldApart(['a.mp4', 'A.mp4', 'a (1).mp4', 'b.mp4', 'a.mp4']), [
    'a.mp4',
    'A (1).mp4',
    'a (1) (1).mp4',
    'b.mp4',
    'a (2).mp4',
  ]);
});

test('only regular files of known kinds in the folder itself are taken', async (t) => {
  const folder = tempFolder(t);
  const secret = join(tempFolder(t), 'secret.mp4');
  for (const path of [join(folder, '1.mp4'), join(folder, '1.desktop'), join(folder, 'mp4'), secret]) writeFileSync(path, 'x');
  symlinkSync(secret, join(folder, '2.mp4'));
  mkdirSync(join(folder, '3.mp4'));
  assert.deepEqual(await takeFile(folder, join(folder, '1.mp4')), { diskPath: join(folder, '1.mp4'), sizeBytes: 1 });
  for (const path of ['1.desktop', '2.mp4', '3.mp4', 'mp4', '../x.mp4', '..']) {
    await assert.rejects(takeFile(folder, join(folder, path)), { code: 'unsupported' }, path);
  }
  await assert.rejects(takeFile(folder, secret), { code: 'unsupported' });
  await assert.rejects(takeFile(folder, join(folder, '9.mp4')), { code: 'truncated' });
});

test('a yt-dlp of more than a year is warned of, one before the oldest is refused', () => {
  const nowMs = Date.UTC(2026, 10, 21);
  assert.equal(warnOfAge('2026.10.26', nowMs), null);
  assert.match(warnOfAge('2025.04.30', nowMs) ?? '', /yt-dlp 2025\.04\.30 is more than a year old/);
  assert.equal(warnOfAge(null, nowMs), null);
  assert.equal(warnOfAge('nightly', nowMs), null);
  assert.deepEqual(['2023.03.04', '2024.07.01', '2026.10.26.1', 'x'].map(isTooOld), [true, false, false, false]);
});
