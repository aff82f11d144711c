import { FlotillaError } from './errors.ts';
import { maxLinkLength } from './link.ts';

/** No file system and no bucket has longer names. */
export const mostNameBytes = 1024;
const mostLetters = 64 * 2 ** 20;

/** How much a server names below one folder: all of it is kept in memory, and becomes a part of the download. */
export class TreeSize {
  /** The folder, for people. */
  readonly #shown: string;
  #letters = 0;

  constructor(shown: string) {
    this.#shown = shown;
  }

  /** One more. Throws `unsupported` when it is too much, or no link could lead there. */
  add(path: string, link = ''): void {
    this.#letters += path.length + link.length;
    if (link.length > maxLinkLength)
      throw this.#refusal(`a link to one of them would be longer than ${maxLinkLength} characters`);
    if (this.#letters > mostLetters) throw this.#refusal('their names alone are more than any folder has');
  }

  #refusal(why: string): FlotillaError {
    const message = `The files below ${this.#shown} cannot be listed: ${why}. Add folders below it one by one.`;
    return new FlotillaError('unsupported', message);
  }
}
