/** What the page may weigh. Reads the built page; `npm test` builds it first. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';

const dist = join(import.meta.dirname, '..', 'dist');
const KiB = 1024;
const languages = ['en', 'fr', 'ru'];

type Chunk = { file: string; src?: string; imports?: string[]; css?: string[] };
const chunks: Record<string, Chunk> = JSON.parse(readFileSync(join(dist, 'chunks.json'), 'utf8'));
const built = readdirSync(dist, { recursive: true, encoding: 'utf8' });

function gzipBytes(files: Iterable<string>): number {
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(join(dist, file)), { level: 9 }).length, 0);
}

/** The scripts a chunk cannot start without. */
function withImports(name: string, seen = new Set<string>()): Set<string> {
  const chunk = chunks[name];
  if (chunk === undefined || seen.has(chunk.file)) return seen;
  seen.add(chunk.file);
  for (const each of chunk.imports ?? []) withImports(each, seen);
  return seen;
}

function check(name: string, bytes: number, mostKiB: number) {
  test(`${name} is at most ${mostKiB} KiB`, (context) => {
    context.diagnostic(`${name}: ${(bytes / KiB).toFixed(1)} KiB gzip of ${mostKiB}`);
    assert.ok(bytes <= mostKiB * KiB, `${name} weighs ${(bytes / KiB).toFixed(1)} KiB`);
  });
}

const html = readFileSync(join(dist, 'index.html'), 'utf8');
/** What the page names itself, and what those import. */
const first = new Set<string>();
for (const [, file] of html.matchAll(/<(?:script|link)[^>]* (?:src|href)="\/([^"]+\.js)"/g)) {
  first.add(file as string);
  const name = Object.keys(chunks).find((each) => chunks[each]?.file === file);
  if (name !== undefined) for (const each of withImports(name)) first.add(each);
}
const catalogues = languages.map((language) => chunks[`src/locales/${language}.ts`]?.file as string);
const heaviestCatalogue = Math.max(...catalogues.map((file) => gzipBytes([file])));

// One language is read before the first picture, so it counts.
check('JavaScript before the list is there', gzipBytes(first) + heaviestCatalogue, 130);
check('all JavaScript', gzipBytes(built.filter((file) => file.endsWith('.js'))), 280);
check('all CSS', gzipBytes(built.filter((file) => file.endsWith('.css'))), 20);

test('the built page has no inline script and no inline style', () => {
  assert.doesNotMatch(html, /<style|\sstyle=|\son\w+=/i);
  for (const [, attributes, body] of html.matchAll(/<script([^>]*)>([\s\S]*?)<\/script>/gi)) {
    assert.match(attributes as string, /\ssrc="\/[^/]/);
    assert.equal(body, '');
  }
});

test('no schema library and no message parser reached the page', () => {
  for (const file of built.filter((name) => name.endsWith('.js'))) {
    const text = readFileSync(join(dist, file), 'utf8');
    assert.doesNotMatch(text, /ZodError|\$ZodType|pluralStrict/, file);
  }
});
