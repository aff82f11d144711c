/**
 * Whole small files on their way to their names. Each is written under a name of its own in a folder that nobody looks into,
 * a batch of them is flushed together, and only then they get their names, so that a thousand files cost a few flushes and
 * none of them ever shows half of itself.
 */
import { join } from 'node:path';
import type { Files, PartFile } from '#core/files.ts';

const batchCount = 128;
const batchBytes = 8 * 1024 * 1024;
/** More than this at once would fill the memory of a slow disk's machine. */
const mostBatches = 4;

type Waiting<T> = { item: T; file: PartFile; draft: string; path: string };

export type SmallFilesOptions<T> = {
  files: Files;
  /** Of our own, on the file system of the files; removed at the end. */
  draftFolder: string;
  /** The file has its name, durably. */
  named(item: T, path: string): void;
  /** What to call it, now that this name is taken. */
  nextPath(item: T, path: string): string;
  /** The disk refused it. */
  failed(item: T, error: unknown): void;
};

export class SmallFileWriter<T> {
  readonly #options: SmallFilesOptions<T>;
  #batch: Waiting<T>[] = [];
  #batchBytes = 0;
  #draftCount = 0;
  readonly #committing = new Set<Promise<void>>();

  constructor(options: SmallFilesOptions<T>) {
    this.#options = options;
  }

  /** Writes it; the bytes are copied to the system before this returns. A promise asks to wait before more comes. */
  add(item: T, path: string, bytes: Uint8Array): void | Promise<void> {
    const { files, draftFolder, failed } = this.#options;
    const draft = join(draftFolder, String(this.#draftCount++));
    let file: PartFile | null = null;
    try {
      file = files.openPart(draft);
      file.writeAt(bytes, 0);
    } catch (error) {
      file?.close();
      failed(item, error);
      return;
    }
    this.#batch.push({ item, file, draft, path });
    this.#batchBytes += bytes.length;
    if (this.#batch.length >= batchCount || this.#batchBytes >= batchBytes) this.#commit();
    if (this.#committing.size >= mostBatches) return Promise.race(this.#committing);
  }

  /** Resolves when everything has its name and the drafts are gone. */
  async end(): Promise<void> {
    this.#commit();
    while (this.#committing.size > 0) await Promise.all(this.#committing);
    await this.#options.files.removeFolder(this.#options.draftFolder);
  }

  #commit(): void {
    const batch = this.#batch;
    if (batch.length === 0) return;
    this.#batch = [];
    this.#batchBytes = 0;
    const commit = this.#flushAndName(batch).finally(() => this.#committing.delete(commit));
    this.#committing.add(commit);
  }

  async #flushAndName(batch: Waiting<T>[]): Promise<void> {
    const flushed: Waiting<T>[] = [];
    await Promise.all(
      batch.map(async (waiting) => {
        try {
          await waiting.file.flush();
          flushed.push(waiting);
        } catch (error) {
          this.#options.failed(waiting.item, error);
        } finally {
          waiting.file.close();
        }
      }),
    );
    await this.#name(flushed);
  }

  async #name(flushed: Waiting<T>[]): Promise<void> {
    const { files, named, nextPath, failed } = this.#options;
    for (let rest = flushed; rest.length > 0; ) {
      const outcomes = await files.claimNames(rest.map(({ draft, path }) => ({ from: draft, to: path })));
      const taken: Waiting<T>[] = [];
      for (const [index, waiting] of rest.entries()) {
        const outcome = outcomes[index];
        if (outcome === true) named(waiting.item, waiting.path);
        else if (outcome === false) taken.push({ ...waiting, path: nextPath(waiting.item, waiting.path) });
        else failed(waiting.item, outcome);
      }
      rest = taken;
    }
  }
}
