/** Names of files, from what a page says of itself. */
import { numberedName, safeName } from '#core/names.ts';
import type { MediaEntry } from './info.ts';

/** Of a list, entries have numbers from 1; null: it is alone. */
export type Named = Pick<MediaEntry, 'title' | 'id' | 'uploader' | 'date'> & { number: number | null };

/** A safe name from a template such as `{title} [{id}]`. Words in braces that nobody knows stay as they are. */
export function nameOf(template: string, named: Named, extension: string): string {
  const words: Record<string, string> = {
    title: named.title,
    id: named.id,
    uploader: named.uploader ?? '',
    date: named.date ?? '',
    number: named.number === null ? '' : String(named.number),
  };
  const stem = template.replace(/\{([a-z]+)\}/g, (braced, word: string) =>
    Object.hasOwn(words, word) ? (words[word] as string) : braced,
  );
  return withExtension(`${safeTitle(stem)}.x`, extension);
}

/** A title is no path: what parts folders is a dash in it. */
export function safeTitle(title: string): string {
  return safeName(title.replace(/[/\\]+/g, '-'), 'media');
}

/** The extension takes the place of the one that the name has. */
export function withExtension(name: string, extension: string): string {
  return safeName(`${stemOf(name)}.${extension}`);
}

/** Of a file that lies beside: `Title.en.vtt`. */
export function besideName(name: string, language: string | null, extension: string): string {
  const middle = language === null ? '' : `.${language.replace(/[^\w-]/g, '')}`;
  return safeName(`${stemOf(name)}${middle}.${extension}`);
}

export function stemOf(name: string): string {
  return name.replace(/\.[a-z0-9]{1,10}$/i, '');
}

/** Each told apart from those before it, also where large and small letters are the same. */
export function toldApart(names: readonly string[]): string[] {
  const taken = new Set<string>();
  const next = new Map<string, number>();
  return names.map((name) => {
    const key = name.toLowerCase();
    let number = next.get(key) ?? 0;
    let chosen = numberedName(name, number);
    while (taken.has(chosen.toLowerCase())) chosen = numberedName(name, ++number);
    next.set(key, number + 1);
    taken.add(chosen.toLowerCase());
    return chosen;
  });
}
