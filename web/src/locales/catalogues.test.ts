/** Every id in every language, every placeholder in every translation, and no words in the code. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setupI18n } from '@lingui/core';
import { compileMessageOrThrow } from '@lingui/message-utils/compileMessage';
import { messages as en } from './en.ts';
import { messages as fr } from './fr.ts';
import { messages as ru } from './ru.ts';

const catalogues: Record<string, Record<string, string>> = { en, fr, ru };
const ids = Object.keys(en);
const source = join(import.meta.dirname, '..');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.tsx?$/.test(name) && !name.endsWith('.test.ts') && !name.startsWith('locales'))
  .map((name) => ({ name, text: readFileSync(join(source, name), 'utf8') }));

type Token = string | [string, string?, Record<string, Token[]>?];

/** The placeholders of a message, and the plural forms it has. */
function partsOf(message: string): { values: Set<string>; forms: Set<string> } {
  const values = new Set<string>();
  const forms = new Set<string>();
  const walk = (tokens: readonly unknown[]) => {
    for (const token of tokens as Token[]) {
      if (typeof token === 'string') continue;
      values.add(token[0]);
      for (const [form, inner] of Object.entries(token[2] ?? {})) {
        if (form === 'offset') continue;
        forms.add(form);
        walk(typeof inner === 'string' ? [inner] : inner);
      }
    }
  };
  walk([compileMessageOrThrow(message)].flat(1));
  return { values, forms };
}

for (const [language, messages] of Object.entries(catalogues)) {
  test(`${language} has every message, and none that nobody knows`, () => {
    assert.deepEqual(Object.keys(messages).sort(), [...ids].sort());
    for (const [id, text] of Object.entries(messages)) assert.notEqual(text.trim(), '', id);
  });

  test(`${language} uses the values of English, and every plural form its grammar has`, () => {
    const needed = new Intl.PluralRules(language).resolvedOptions().pluralCategories;
    for (const id of ids) {
      const { values, forms } = partsOf(messages[id] as string);
      assert.deepEqual([...values].sort(), [...partsOf(en[id as keyof typeof en]).values].sort(), `${language} ${id}`);
      if (forms.size > 0) for (const form of needed) assert.ok(forms.has(form), `${language} ${id} lacks "${form}"`);
    }
  });
}

test('every id that is used is defined', () => {
  for (const { name, text } of files) {
    for (const [, id] of text.matchAll(/\bt\([^()'`]*'([a-z][\w:.]*)'/gi))
      assert.ok(ids.includes(id as string), `${name}: ${id}`);
    for (const [, start] of text.matchAll(/\bt\(`([^`$]+)\$\{/g)) {
      assert.ok(
        ids.some((id) => id.startsWith(start as string)),
        `${name}: ${start}…`,
      );
    }
  }
});

test('every id that is defined is used', () => {
  const all = files.map(({ text }) => text).join('\n');
  const beginnings = [...all.matchAll(/\b(?:t|wordsFor)\(\s*`([^`$]+)\$\{/g)].map(([, start]) => start as string);
  for (const id of ids) {
    assert.ok(all.includes(`'${id}'`) || beginnings.some((start) => id.startsWith(start)), `${id} is used nowhere`);
  }
});

// Names that are the same in every language.
const untranslated = new Set(['Flotilla']);

test('no words stand in the code: they all come from the catalogues', () => {
  for (const { name, text } of files.filter((file) => file.name.endsWith('.tsx'))) {
    for (const [, words] of text.matchAll(/>\s*([^<>{}=;()]*[A-Za-z]{2,}[^<>{}=;()]*)\s*<\//g)) {
      assert.ok(untranslated.has((words as string).trim()), `${name}: ${words?.trim()}`);
    }
    for (const [, words] of text.matchAll(/\s(?:aria-label|title|placeholder|alt)="([^"]*[A-Za-z]{2,}[^"]*)"/g)) {
      assert.ok(untranslated.has(words as string) || (words as string).startsWith('https:'), `${name}: ${words}`);
    }
  }
});

test('Russian counts as Russians do', () => {
  const compiled = Object.fromEntries(Object.entries(ru).map(([id, text]) => [id, compileMessageOrThrow(text)]));
  const i18n = setupI18n({ locale: 'ru', messages: { ru: compiled } });
  const said = [1, 2, 5, 21, 111].map((count) => i18n._('add.files', { count }));
  assert.deepEqual(said, ['1 файл', '2 файла', '5 файлов', '21 файл', '111 файлов']);
});
