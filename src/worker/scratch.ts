import { join } from 'node:path';
import type { Files } from '#core/files.ts';

const keepStrangersMs = 24 * 60 * 60_000;

/** Downloads of another database, and when this one took its place. */
type Strangers = { ids: string[]; sinceMs: number };
type Adopted = Strangers & { instance: string };

/** The worker's own folder for unfinished files: one folder a download, files by number. Names from outside never get here. */
export class Scratch {
  readonly #files: Files;
  readonly root: string;
  /** Says which database the scratch is for; not in it, so that an empty scratch is an empty folder. */
  readonly #notePath: string;
  #strangers: Strangers = { ids: [], sinceMs: 0 };

  constructor(files: Files, root: string, notePath: string) {
    this.#files = files;
    this.root = root;
    this.#notePath = notePath;
  }

  /**
   * Works for that database from now on. What lies here from the time of another one is kept for a day: it may only be away
   * for a while, or somebody may still bring it back.
   */
  async adopt(instance: string, nowMs: number): Promise<void> {
    const text = await this.#files.readText(this.#notePath);
    const known: Adopted | null = text === null ? null : JSON.parse(text);
    if (known?.instance === instance) {
      this.#strangers = known;
      return;
    }
    const ids = known === null ? [] : await this.holding();
    this.#strangers = { ids, sinceMs: nowMs };
    await this.#files.writeText(this.#notePath, JSON.stringify({ instance, ids, sinceMs: nowMs } satisfies Adopted));
  }

  /** May it be thrown away because the control plane knows no use for it? */
  mayDiscard(downloadId: string, nowMs: number): boolean {
    const { ids, sinceMs } = this.#strangers;
    return !ids.includes(downloadId) || Math.abs(nowMs - sinceMs) >= keepStrangersMs;
  }

  /** The unfinished file; its folder is made. */
  async partPath(downloadId: string, index: number): Promise<string> {
    const folder = this.#folder(downloadId);
    await this.#files.makeFolder(folder);
    return join(folder, `${index}.part`);
  }

  /** For a source that fetches by itself. Made here; gone with the rest. */
  async engineFolder(downloadId: string): Promise<string> {
    const folder = join(this.#folder(downloadId), 'engine');
    await this.#files.makeFolder(folder);
    return folder;
  }

  /** What is known of a file that is whole, while others of its download are not. */
  fetchedPath(downloadId: string, index: number): string {
    return join(this.#folder(downloadId), `${index}.fetched`);
  }

  /** What an engine said when it was done. */
  resultPath(downloadId: string): string {
    return join(this.#folder(downloadId), 'engine.result');
  }

  /** What a destination may remember about the delivery of that file. */
  notePath(downloadId: string, index: number): string {
    return join(this.#folder(downloadId), `${index}.delivery`);
  }

  /** Downloads that have something here. */
  async holding(): Promise<string[]> {
    return (await this.#files.list(this.root)).filter((name) => idPattern.test(name));
  }

  async discard(downloadId: string): Promise<void> {
    await this.#files.removeFolder(this.#folder(downloadId));
  }

  #folder(downloadId: string): string {
    if (!idPattern.test(downloadId)) throw new Error(`not the id of a download: ${downloadId}`);
    return join(this.root, downloadId);
  }
}

const idPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
