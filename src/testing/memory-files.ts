import type { Files, PartFile } from '#core/files.ts';

type MemoryFile = { bytes: Uint8Array; flushed: Uint8Array };

/**
 * Files in memory that know what has reached the disk: `crash` gives what a new start would find. Only what a fetch and its
 * journal use is there; names and small files count as flushed when they are written, as the real ones are.
 */
export class MemoryFiles implements Files {
  readonly processId = 1;
  readonly #boot: number;
  readonly #files: Map<string, MemoryFile>;
  #isGone = false;

  constructor(files = new Map<string, MemoryFile>(), boot = 1) {
    this.#files = files;
    this.#boot = boot;
  }

  /** What is left after kill -9 (`power: true`: the machine stays on) or after a power cut. This object then does nothing more. */
  crash({ power }: { power: boolean }): MemoryFiles {
    this.#isGone = true;
    const left = new Map<string, MemoryFile>();
    for (const [path, { bytes, flushed }] of this.#files) {
      const kept = power ? bytes : flushed;
      left.set(path, { bytes: kept.slice(), flushed: kept.slice() });
    }
    return new MemoryFiles(left, power ? this.#boot : this.#boot + 1);
  }

  bytesOf(path: string): Uint8Array {
    return this.#files.get(path)?.bytes ?? new Uint8Array();
  }

  openPart(path: string): PartFile {
    if (!this.#files.has(path)) this.#files.set(path, { bytes: new Uint8Array(), flushed: new Uint8Array() });
    const file = this.#files.get(path) as MemoryFile;
    const setSize = (sizeBytes: number) => {
      if (this.#isGone || sizeBytes === file.bytes.length) return;
      const grown = new Uint8Array(sizeBytes);
      grown.set(file.bytes.subarray(0, sizeBytes));
      file.bytes = grown;
    };
    const writeAt = (chunk: Uint8Array, position: number) => {
      if (this.#isGone) return;
      if (position + chunk.length > file.bytes.length) setSize(position + chunk.length);
      file.bytes.set(chunk, position);
    };
    return {
      writeAt,
      setSize,
      append: (text) => writeAt(new TextEncoder().encode(text), file.bytes.length),
      flush: async () => {
        if (!this.#isGone) file.flushed = file.bytes.slice();
      },
      close() {},
    };
  }

  async makeNew(path: string): Promise<boolean> {
    if (this.#files.has(path)) return false;
    this.openPart(path);
    return true;
  }

  async readText(path: string): Promise<string | null> {
    const file = this.#files.get(path);
    return file === undefined ? null : new TextDecoder().decode(file.bytes);
  }

  async writeText(path: string, text: string): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    if (!this.#isGone) this.#files.set(path, { bytes, flushed: bytes.slice() });
  }

  async claimName(from: string, to: string): Promise<boolean> {
    const file = this.#files.get(from);
    if (this.#files.has(to) || file === undefined) return false;
    this.#files.set(to, file);
    return this.#files.delete(from);
  }

  async claimNames(moves: { from: string; to: string }[]): Promise<(boolean | Error)[]> {
    return Promise.all(moves.map(({ from, to }) => this.claimName(from, to)));
  }

  async remove(path: string): Promise<void> {
    if (!this.#isGone) this.#files.delete(path);
  }

  async removeFolder(): Promise<void> {}
  async makeFolder(): Promise<void> {}

  async list(): Promise<string[]> {
    return [...this.#files.keys()];
  }

  async sizeOf(path: string): Promise<number | null> {
    return this.#files.get(path)?.bytes.length ?? null;
  }

  async freeBytes(): Promise<number> {
    return Number.MAX_SAFE_INTEGER;
  }

  async bootId(): Promise<string | null> {
    return String(this.#boot);
  }

  isOtherProcess(): boolean {
    return false;
  }
}
