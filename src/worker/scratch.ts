import { join } from 'node:path';
import type { Files } from '#core/files.ts';

/** The worker's own folder for unfinished files: one folder a download, files by number. Names from outside never get here. */
export class Scratch {
  readonly #files: Files;
  readonly root: string;

  constructor(files: Files, root: string) {
    this.#files = files;
    this.root = root;
  }

  /** The unfinished file; its folder is made. */
  async partPath(downloadId: string, index: number): Promise<string> {
    const folder = this.#folder(downloadId);
    await this.#files.makeFolder(folder);
    return join(folder, `${index}.part`);
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
