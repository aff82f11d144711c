import assert from 'node:assert/strict';
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Files } from '#core/files.ts';
import type { SourceFacts } from '#core/source.ts';
import { type Range, RangeSet } from '#lib/ranges.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { systemClock, systemFiles } from '#wire/system.ts';
import { Journal, journalSuffix } from './journal.ts';
import { openPlace, type Place } from './place.ts';
import { Room } from './room.ts';

const sizeBytes = 6 * 1024 * 1024;
const smallBytes = 1000;
const link = 'https://example.org/a.iso';
const facts: SourceFacts = {
  sizeBytes,
  resumable: true,
  validator: { etag: '"v1"', lastModified: null },
  suggestedName: null,
  finalUrl: link,
  mediaType: null,
  digests: [],
};

type Opening = { facts?: Partial<SourceFacts>; files?: Files };

/** Opens the place of one file in the folder, going on with what lies there. */
async function open(folder: string, { facts: changed = {}, files = systemFiles }: Opening = {}): Promise<Place> {
  const path = join(folder, 'a.part');
  const found = await Journal.find(files, path + journalSuffix);
  const share = new Room(files, systemClock, 0).share();
  try {
    return await openPlace(files, { path, folder, link, facts: { ...facts, ...changed }, found, share });
  } finally {
    share.release();
  }
}

/** A disk with so much room. */
const withFree = (freeBytes: number): Files => ({
  ...systemFiles,
  space: async () => ({ disk: 'a', freeBytes, sizeBytes: 1e12 }),
});

function close(place: Place): void {
  place.part.close();
  place.journal.close();
}

/** A folder in which an earlier run has left some bytes of the file. */
async function leftBehind(t: Scope, changed: Partial<SourceFacts> = {}): Promise<string> {
  const folder = tempFolder(t);
  const place = await open(folder, { facts: changed });
  place.part.writeAt(Buffer.alloc(500, 'x'), 0);
  place.ranges.add(0, 500);
  await place.part.flush();
  await place.journal.markDurable(place.ranges);
  close(place);
  return folder;
}

async function rangesOnReturn(folder: string, opening: Opening = {}): Promise<Range[]> {
  const place = await open(folder, opening);
  close(place);
  return place.ranges.toArray();
}

test('a new file is as long as it will be and holds nothing yet', async (t) => {
  const folder = tempFolder(t);
  assert.deepEqual(await rangesOnReturn(folder), []);
  assert.equal(statSync(join(folder, 'a.part')).size, sizeBytes);
});

test('the same version goes on with what is there', async (t) => {
  const folder = await leftBehind(t);
  assert.deepEqual(await rangesOnReturn(folder), [[0, 500]]);
  assert.equal(readFileSync(join(folder, 'a.part'), 'latin1').slice(0, 500), 'x'.repeat(500));
});

const changes: [name: string, changed: Partial<SourceFacts>][] = [
  ['with another ETag', { validator: { etag: '"v2"', lastModified: null } }],
  ['of another size', { sizeBytes: sizeBytes + 1 }],
  ['of unknown size', { sizeBytes: null }],
  ['from a server that cannot resume', { resumable: false }],
];
for (const [name, changed] of changes) {
  test(`a file ${name} starts over, and no byte of the old one is left`, async (t) => {
    const folder = await leftBehind(t);
    assert.deepEqual(await rangesOnReturn(folder, { facts: changed }), []);
    const bytes = readFileSync(join(folder, 'a.part'));
    assert.equal(bytes.length, changed.sizeBytes === undefined ? sizeBytes : (changed.sizeBytes ?? 0));
    assert.ok(!bytes.includes('x'));
    assert.deepEqual(await rangesOnReturn(folder), [], 'also when the old version comes back');
  });
}

test('a small new version takes the journal of the old one along, so that it can never be mistaken for it', async (t) => {
  const small = { sizeBytes: smallBytes };
  const folder = await leftBehind(t, small);
  const changed = { ...small, validator: { etag: '"v2"', lastModified: null } };
  assert.deepEqual(await rangesOnReturn(folder, { facts: changed }), []);
  assert.deepEqual(await rangesOnReturn(folder, { facts: small }), []);
});

test('at no moment of starting over does the journal speak of bytes that are gone', async (t) => {
  const folder = await leftBehind(t);
  const journals: string[] = [];
  const files: Files = {
    ...systemFiles,
    openPart(path) {
      const part = systemFiles.openPart(path);
      const setSize = part.setSize.bind(part);
      // kill -9 just after this step would leave the journal as it is now.
      part.setSize = (size) => {
        setSize(size);
        journals.push(readFileSync(join(folder, 'a.part.journal'), 'utf8'));
      };
      return part;
    },
  };
  await rangesOnReturn(folder, { facts: { validator: { etag: '"v2"', lastModified: null } }, files });
  assert.equal(journals.length, 2);
  for (const journal of journals) assert.match(journal, /v2.*\n.*"ranges":\[\]}\n$/);
});

for (const size of [0, 499, sizeBytes - 1]) {
  test(`a file that is ${size} bytes long is not what the journal speaks of`, async (t) => {
    const folder = await leftBehind(t);
    truncateSync(join(folder, 'a.part'), size);
    assert.deepEqual(await rangesOnReturn(folder), []);
  });
}

test('a journal that is no journal starts over', async (t) => {
  const folder = await leftBehind(t);
  writeFileSync(join(folder, 'a.part.journal'), 'garbage');
  assert.deepEqual(await rangesOnReturn(folder), []);
});

test('a file that will not fit is refused before a byte is written, in a sentence with both numbers', async (t) => {
  const folder = tempFolder(t);
  const files = withFree(1.5 * 1024 * 1024);
  await assert.rejects(open(folder, { files }), {
    code: 'no_space',
    retry: 'later',
    message: `${folder} is full: 1.50 MiB free, 6.00 MiB still to come. Free some space, then go on.`,
  });
  assert.deepEqual(await systemFiles.list(folder), []);
});

test('only what is still to come needs space', async (t) => {
  const folder = await leftBehind(t);
  assert.deepEqual(await rangesOnReturn(folder, { files: withFree(sizeBytes - 500) }), [[0, 500]]);
  await assert.rejects(open(folder, { files: withFree(sizeBytes - 501) }), { code: 'no_space' });
  assert.deepEqual(new RangeSet(await rangesOnReturn(folder)).sizeBytes, 500, 'a refusal takes nothing away');
});
