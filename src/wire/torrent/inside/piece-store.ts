/** The pieces of a torrent on disk: one file for each that is wanted, and one for the edges of the others. */
import { type FileHandle, mkdir, open, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { PlacedFile } from '../engine.ts';
import { placeOfEdges, placeOfFile } from '../places.ts';

export type StoreShape = { pieceLengthBytes: number; totalBytes: number; files: readonly PlacedFile[] };

type Done = (error: Error | null, bytes?: Uint8Array) => void;
/** Bytes of a piece that lie together. `path` null: padding, which is zeros and never written. */
type Stretch = { path: string | null; position: number; startByte: number; endByte: number };
type Held = { handle: Promise<FileHandle>; users: number };

/** So many files stay open. */
const mostOpen = 64;
/** A disk that keeps up has fewer bytes than this before it, however busy the processors are. */
const mostWaitingBytes = 4 * 2 ** 20;

/** What the library calls a chunk store: `put`, `get`, `close` and `destroy` are its names. */
export class PieceStore {
  readonly chunkLength: number;
  readonly #shape: StoreShape;
  readonly #folder: string;
  /** With bytes, in the order of the torrent. */
  readonly #files: PlacedFile[];
  /** The least recently used first. */
  readonly #open = new Map<string, Held>();
  readonly #unflushed = new Set<string>();
  #writes = 0;
  #waitingBytes = 0;
  #whenQuiet: (() => void)[] = [];

  constructor(folder: string, shape: StoreShape) {
    this.#folder = folder;
    this.#shape = shape;
    this.chunkLength = shape.pieceLengthBytes;
    this.#files = shape.files.filter(({ sizeBytes }) => sizeBytes > 0).sort((a, b) => a.offsetBytes - b.offsetBytes);
  }

  /** The disk takes less than what comes. */
  get isBehind(): boolean {
    return this.#waitingBytes > mostWaitingBytes;
  }

  get totalBytes(): number {
    return this.#shape.totalBytes;
  }

  async prepare(): Promise<void> {
    await mkdir(join(this.#folder, 'files'), { recursive: true });
  }

  put(index: number, bytes: Uint8Array, done: Done): void {
    this.#writes++;
    this.#waitingBytes += bytes.length;
    this.#write(index, bytes)
      .then(() => done(null), done)
      .finally(() => {
        this.#writes--;
        this.#waitingBytes -= bytes.length;
        if (this.#writes > 0) return;
        for (const go of this.#whenQuiet.splice(0)) go();
      });
  }

  get(index: number, wish: { offset?: number; length?: number } | null | Done, done?: Done): void {
    const [{ offset = 0, length = this.lengthOf(index) - offset }, tell] =
      typeof wish === 'function' ? [{}, wish] : [wish ?? {}, done as Done];
    this.read(index, offset, length).then((bytes) => tell(null, bytes), tell);
  }

  close(done: Done = () => {}): void {
    done(null);
  }

  destroy(done: Done = () => {}): void {
    done(null);
  }

  lengthOf(index: number): number {
    return Math.min(this.#shape.pieceLengthBytes, this.#shape.totalBytes - index * this.#shape.pieceLengthBytes);
  }

  /** Rejects when the bytes were never written. */
  async read(index: number, offset: number, length: number): Promise<Uint8Array> {
    const whole = this.lengthOf(index);
    if (!(offset >= 0 && length >= 0 && offset + length <= whole)) throw new RangeError('beyond the piece');
    const firstByte = index * this.#shape.pieceLengthBytes + offset;
    const bytes = Buffer.alloc(length);
    for (const { path, position, startByte, endByte } of this.#stretches(firstByte, firstByte + length)) {
      if (path === null) continue;
      await this.#with(path, 'r', async (handle) => {
        const at = startByte - firstByte;
        const { bytesRead } = await handle.read(bytes, at, endByte - startByte, position);
        if (bytesRead < endByte - startByte) throw new RangeError('not written');
      });
    }
    return bytes;
  }

  /** What the disk has given to files of this torrent. */
  async allocatedBytes(): Promise<number> {
    let sum = 0;
    for (const path of this.#paths())
      sum += await stat(path).then(
        ({ blocks }) => blocks * 512,
        () => 0,
      );
    return sum;
  }

  /** Do the files reach to the end of this piece? */
  async reaches(index: number, sizes: Map<string, number>): Promise<boolean> {
    const firstByte = index * this.#shape.pieceLengthBytes;
    for (const { path, position, startByte, endByte } of this.#stretches(firstByte, firstByte + this.lengthOf(index))) {
      if (path === null) continue;
      let sizeBytes = sizes.get(path);
      if (sizeBytes === undefined) {
        sizeBytes = await stat(path).then(
          ({ size }) => size,
          () => -1,
        );
        sizes.set(path, sizeBytes);
      }
      if (sizeBytes < position + endByte - startByte) return false;
    }
    return true;
  }

  /** An earlier process wrote it, and it may be in the memory of the system alone. */
  adopt(index: number): void {
    const firstByte = index * this.#shape.pieceLengthBytes;
    for (const { path } of this.#stretches(firstByte, firstByte + this.lengthOf(index))) {
      if (path !== null) this.#unflushed.add(path);
    }
  }

  /** All that was put before is on the disk itself when it resolves. */
  async flush(): Promise<void> {
    const paths = [...this.#unflushed];
    this.#unflushed.clear();
    for (const path of paths) await this.#with(path, 'r+', (handle) => handle.datasync());
  }

  /** Makes the wanted files that are empty: no piece brings them. */
  async finish(): Promise<void> {
    for (const { index, sizeBytes, isWanted } of this.#shape.files) {
      if (isWanted && sizeBytes === 0) await (await open(placeOfFile(this.#folder, index), 'w')).close();
    }
  }

  /** Waits for what is being written, and lets go of all files. */
  async end(): Promise<void> {
    if (this.#writes > 0) await new Promise<void>((resolve) => this.#whenQuiet.push(resolve));
    const all = [...this.#open.values()];
    this.#open.clear();
    for (const { handle } of all) await handle.then((one) => one.close()).catch(() => {});
  }

  #paths(): Set<string> {
    return new Set([...this.#files.map((file) => this.#pathOf(file)), placeOfEdges(this.#folder)]);
  }

  #pathOf({ index, isWanted }: PlacedFile): string {
    return isWanted ? placeOfFile(this.#folder, index) : placeOfEdges(this.#folder);
  }

  async #write(index: number, bytes: Uint8Array): Promise<void> {
    const firstByte = index * this.#shape.pieceLengthBytes;
    for (const { path, position, startByte, endByte } of this.#stretches(firstByte, firstByte + bytes.length)) {
      if (path === null) continue;
      await this.#with(path, 'r+', async (handle) => {
        let at = startByte - firstByte;
        while (at < endByte - firstByte) {
          const { bytesWritten } = await handle.write(
            bytes,
            at,
            endByte - firstByte - at,
            position + at - (startByte - firstByte),
          );
          at += bytesWritten;
        }
      });
      this.#unflushed.add(path);
    }
  }

  *#stretches(startByte: number, endByte: number): Generator<Stretch> {
    let at = startByte;
    for (let next = this.#firstEndingAfter(startByte); at < endByte; next++) {
      const file = this.#files[next];
      const fileStart = Math.min(file?.offsetBytes ?? endByte, endByte);
      if (at < fileStart) yield { path: null, position: 0, startByte: at, endByte: fileStart };
      at = Math.max(at, fileStart);
      if (file === undefined || at >= endByte) return;
      const until = Math.min(endByte, file.offsetBytes + file.sizeBytes);
      // Edges lie where they lie in the torrent, in a file that is mostly holes.
      yield { path: this.#pathOf(file), position: file.isWanted ? at - file.offsetBytes : at, startByte: at, endByte: until };
      at = until;
    }
  }

  #firstEndingAfter(byte: number): number {
    let low = 0;
    let high = this.#files.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const { offsetBytes, sizeBytes } = this.#files[middle] as PlacedFile;
      if (offsetBytes + sizeBytes > byte) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  async #with<T>(path: string, mode: 'r' | 'r+', use: (handle: FileHandle) => Promise<T>): Promise<T> {
    const held = this.#open.get(path) ?? { handle: openFile(path, mode), users: 0 };
    // A map keeps the order in which its keys came.
    this.#open.delete(path);
    this.#open.set(path, held);
    held.users++;
    try {
      return await use(await held.handle);
    } catch (error) {
      // Nothing was opened: the next one tries again.
      await held.handle.catch(() => this.#open.delete(path));
      throw error;
    } finally {
      held.users--;
      this.#closeOldest();
    }
  }

  #closeOldest(): void {
    for (const [path, { handle, users }] of this.#open) {
      if (this.#open.size <= mostOpen) return;
      if (users > 0) continue;
      this.#open.delete(path);
      handle.then((one) => one.close()).catch(() => {});
    }
  }
}

/** Whoever writes makes the file; whoever only reads finds out that there is none. */
async function openFile(path: string, mode: 'r' | 'r+'): Promise<FileHandle> {
  try {
    return await open(path, 'r+');
  } catch (error) {
    if (mode === 'r' || (error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    // Two may make it at once, and neither may empty it.
    return open(path, 'a+').then(async (made) => {
      await made.close();
      return open(path, 'r+');
    });
  }
}
