import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  existsSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import type { ScratchFile } from '#core/destination.ts';
import type { DeliveredFile } from '#core/protocol.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { local } from './local.ts';

const bytes = sampleBytes(3_000_000, 3);
const sha256Of = (data: Buffer) => createHash('sha256').update(data).digest('hex');

/** Is there a second disk to try on? */
const otherDisk = existsSync('/dev/shm') && statSync('/dev/shm').dev !== statSync(tmpdir()).dev ? '/dev/shm' : null;
if (otherDisk === null && process.env.CI)
  throw new Error('a second disk is needed: /dev/shm must be another one than the temporary folder');

type Scene = { folder: string; scratch: string };

/** An empty destination beside a scratch folder, on one disk or on two. */
function scene(t: Scope, twoDisks = false): Scene {
  const scratch = tempFolder(t);
  if (!twoDisks) return { folder: join(scratch, 'to'), scratch };
  const folder = mkdtempSync(join(otherDisk as string, 'flotilla-test-'));
  releaseAfter(t, () => rmSync(folder, { recursive: true, force: true }));
  return { folder, scratch };
}

function scratchFile({ scratch }: Scene, more: Partial<ScratchFile> = {}, data = bytes): ScratchFile {
  const scratchPath = join(scratch, '0.part');
  writeFileSync(scratchPath, data);
  const digests = [{ algorithm: 'sha-256', hex: sha256Of(data) } as const];
  const notePath = join(scratch, '0.delivery');
  return { index: 0, path: 'a.iso', sizeBytes: data.length, digests, verifiedAgainst: [], scratchPath, notePath, ...more };
}

function deliver(
  { folder }: Scene,
  file: ScratchFile,
  onBytes: (count: number) => void = () => {},
  signal = new AbortController().signal,
): Promise<DeliveredFile> {
  return local.deliver({ folder }, file, onBytes, signal);
}

/** Nothing but these names in the folder, hidden ones included. */
const holds = ({ folder }: Scene, ...names: string[]) => assert.deepEqual(readdirSync(folder).sort(), names.sort());

for (const twoDisks of [false, true]) {
  describe(twoDisks ? 'to another disk' : 'on the same disk', { skip: twoDisks && otherDisk === null }, () => {
    test('folders in the path are made below the destination', async (t) => {
      const place = scene(t, twoDisks);
      const delivered = await deliver(place, scratchFile(place, { path: 'sub/inner/a.iso' }));
      assert.equal(delivered.location, join(place.folder, 'sub/inner/a.iso'));
      assert.ok(readFileSync(delivered.location).equals(bytes));
      holds(place, 'sub');
      assert.deepEqual(readdirSync(join(place.folder, 'sub/inner')), ['a.iso']);
    });

    test('a file is delivered whole, proven, and the scratch is left alone', async (t) => {
      const place = scene(t, twoDisks);
      const file = scratchFile(place);
      let countedBytes = 0;
      const delivered = await deliver(place, file, (count) => {
        countedBytes += count;
      });
      assert.equal(delivered.location, join(place.folder, 'a.iso'));
      assert.equal(delivered.provenSha256, sha256Of(bytes));
      assert.equal(countedBytes, bytes.length);
      assert.ok(readFileSync(delivered.location).equals(bytes));
      assert.ok(readFileSync(file.scratchPath).equals(bytes));
      holds(place, 'a.iso');
    });

    test('a taken name gets a number, and what was there stays', async (t) => {
      const place = scene(t, twoDisks);
      mkdirSync(join(place.folder, 'a (1).iso'), { recursive: true });
      writeFileSync(join(place.folder, 'a.iso'), 'mine');
      const { location } = await deliver(place, scratchFile(place));
      assert.equal(location, join(place.folder, 'a (2).iso'));
      assert.equal(readFileSync(join(place.folder, 'a.iso'), 'utf8'), 'mine');
      holds(place, 'a.iso', 'a (1).iso', 'a (2).iso');
    });

    test('done twice it is one file in the same place', async (t) => {
      const place = scene(t, twoDisks);
      const file = scratchFile(place);
      const first = await deliver(place, file);
      const inode = statSync(first.location).ino;
      assert.deepEqual(await deliver(place, file), first);
      assert.equal(statSync(first.location).ino, inode);
      holds(place, 'a.iso');
    });

    test('a second file of the same name and bytes is a second file', async (t) => {
      const place = scene(t, twoDisks);
      const first = await deliver(place, scratchFile(place));
      rmSync(join(place.scratch, '0.part'));
      const second = await deliver(place, scratchFile(place, { notePath: join(place.scratch, '1.delivery') }));
      assert.notEqual(first.location, second.location);
      holds(place, 'a.iso', 'a (1).iso');
    });

    test('a file that people moved away after its delivery is delivered again', async (t) => {
      const place = scene(t, twoDisks);
      const file = scratchFile(place);
      const { location } = await deliver(place, file);
      renameSync(location, join(place.folder, 'moved.iso'));
      assert.equal((await deliver(place, file)).location, location);
      holds(place, 'a.iso', 'moved.iso');
    });

    test('a file that is to be elsewhere by now, or called otherwise, goes there, and is nowhere twice', async (t) => {
      const place = scene(t, twoDisks);
      const file = scratchFile(place);
      await deliver(place, file);
      assert.equal((await deliver(place, { ...file, path: 'b.iso' })).location, join(place.folder, 'b.iso'));
      holds(place, 'b.iso');
      const other = { ...place, folder: join(place.folder, 'other') };
      assert.equal((await deliver(other, { ...file, path: 'b.iso' })).location, join(other.folder, 'b.iso'));
      holds(place, 'other');
      holds(other, 'b.iso');
    });

    test('a stop before it began leaves nothing behind', async (t) => {
      const place = scene(t, twoDisks);
      const reason = new Error('stopped');
      await assert.rejects(deliver(place, scratchFile(place), () => {}, AbortSignal.abort(reason)));
      const left = twoDisks ? [] : readdirSync(place.folder);
      holds(place, ...left);
      assert.equal((await deliver(place, scratchFile(place))).location, join(place.folder, 'a.iso'));
      holds(place, 'a.iso');
    });

    test('a copy that reads back differently is refused and removed', async (t) => {
      const place = scene(t, twoDisks);
      const digests = [{ algorithm: 'sha-256', hex: '0'.repeat(64) } as const];
      await assert.rejects(deliver(place, scratchFile(place, { digests })), {
        code: 'checksum_mismatch',
        message:
          /reads back as other bytes than were written: SHA-256 [0-9a-f]{64} instead of 0{64}\. The disk may be failing\.$/,
      });
      holds(place);
    });
  });
}

/** What a delivery to another disk leaves when its process is killed at the worst moments. */
const interruptions: [name: string, leave: (place: Scene, draft: string, file: ScratchFile) => void][] = [
  [
    'in the middle of the copy',
    (_place, draft, file) => {
      writeFileSync(draft, bytes.subarray(0, 1000));
      writeFileSync(file.notePath, JSON.stringify({ path: draft, draft }));
    },
  ],
  [
    'between the copy and its name',
    (place, draft, file) => {
      writeFileSync(draft, bytes);
      writeFileSync(file.notePath, JSON.stringify({ path: join(place.folder, 'a.iso'), draft }));
    },
  ],
  [
    'just after the copy got its name',
    (place, draft, file) => {
      writeFileSync(join(place.folder, 'a.iso'), bytes);
      writeFileSync(file.notePath, JSON.stringify({ path: join(place.folder, 'a.iso'), draft }));
    },
  ],
  [
    'between the two names of the copy',
    (place, draft, file) => {
      writeFileSync(draft, bytes);
      linkSync(draft, join(place.folder, 'a.iso'));
      writeFileSync(file.notePath, JSON.stringify({ path: join(place.folder, 'a.iso'), draft }));
    },
  ],
];
for (const [name, leave] of interruptions) {
  test(`a delivery that was killed ${name} ends as one whole file`, { skip: otherDisk === null }, async (t) => {
    const place = scene(t, true);
    const file = scratchFile(place);
    leave(place, join(place.folder, `.flotilla-${statSync(file.scratchPath).ino}-0.part`), file);
    const { location } = await deliver(place, file);
    assert.equal(location, join(place.folder, 'a.iso'));
    assert.ok(readFileSync(location).equals(bytes));
    holds(place, 'a.iso');
  });
}

test('a stranger who took the name meanwhile keeps his file', { skip: otherDisk === null }, async (t) => {
  const place = scene(t, true);
  const file = scratchFile(place);
  const draft = join(place.folder, `.flotilla-${statSync(file.scratchPath).ino}-0.part`);
  writeFileSync(draft, bytes);
  writeFileSync(join(place.folder, 'a.iso'), 'not ours');
  writeFileSync(file.notePath, JSON.stringify({ path: join(place.folder, 'a.iso'), draft }));
  assert.equal((await deliver(place, file)).location, join(place.folder, 'a (1).iso'));
  holds(place, 'a.iso', 'a (1).iso');
});

const names = [
  ['../../etc/passwd', 'passwd'],
  ['/etc/passwd', 'passwd'],
  ['.hidden', 'hidden'],
  ['..', 'download'],
] as const;
for (const [path, name] of names) {
  test(`a file called ${path} is delivered as ${name} inside the folder`, async (t) => {
    const place = scene(t);
    assert.equal((await deliver(place, scratchFile(place, { path }))).location, join(place.folder, name));
  });
}

test('a folder that cannot be one is told in a sentence', async (t) => {
  const place = scene(t);
  writeFileSync(join(place.scratch, 'file'), 'x');
  // Below a file nobody can write, not even root.
  const folder = join(place.scratch, 'file', 'folder');
  await assert.rejects(deliver({ ...place, folder }, scratchFile(place)), {
    code: 'not_writable',
    message: `${folder} cannot be written: a part of this path is a file, not a folder. Choose another folder.`,
  });
});

test('a file that has the name of a folder to be made is told in a sentence, and stays', async (t) => {
  const place = scene(t);
  mkdirSync(place.folder);
  writeFileSync(join(place.folder, 'sub'), 'x');
  await assert.rejects(deliver(place, scratchFile(place, { path: 'sub/a.iso' })), {
    code: 'not_writable',
    message: `${join(place.folder, 'sub')} cannot be written: a file has the name of a folder that is needed. Choose another folder.`,
  });
  holds(place, 'sub');
});

test('erasing takes the files away, and once more does no harm', async (t) => {
  const place = scene(t);
  const delivered = await deliver(place, scratchFile(place));
  await local.erase({ folder: place.folder }, [delivered]);
  await local.erase({ folder: place.folder }, [delivered]);
  holds(place);
});

test('the test of a folder tells each step and leaves nothing', async (t) => {
  const place = scene(t);
  const steps = await local.test({ folder: place.folder });
  assert.deepEqual(
    steps.map(({ step, ok, message }) => [step, ok, message]),
    ['folder', 'write', 'read', 'delete'].map((step) => [step, true, null]),
  );
  holds(place);
});

test('the test of a folder that cannot be one stops at the step that failed, with its sentence', async (t) => {
  const { scratch } = scene(t);
  writeFileSync(join(scratch, 'file'), 'x');
  const [step, ...more] = await local.test({ folder: join(scratch, 'file', 'folder') });
  assert.deepEqual([step?.step, step?.ok, more], ['folder', false, []]);
  assert.match(step?.message ?? '', /a part of this path is a file/);
});

test('free space is told of a folder that does not exist yet', async (t) => {
  const { scratch } = scene(t);
  const here = (await local.freeBytes({ folder: scratch })) as number;
  const there = (await local.freeBytes({ folder: join(scratch, 'a/b/c') })) as number;
  assert.ok(here > 0 && Math.abs(here - there) < 2 ** 30);
});

test('only an absolute path is a folder', () => {
  for (const folder of ['', 'downloads', './x', '/a\0b'])
    assert.equal(local.options.safeParse({ folder }).success, false, folder);
  assert.equal(local.options.safeParse({ folder: '/downloads' }).success, true);
  assert.equal(local.options.safeParse({ folder: '/downloads', other: 1 }).success, false);
});
