/** The real clock, chance and files. The only place where most of the program meets the machine. */
import { randomFillSync } from 'node:crypto';
import fs from 'node:fs';
import {
  access,
  type FileHandle,
  link,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  statfs,
  unlink,
  utimes,
} from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Files, PartFile } from '#core/files.ts';
import type { Random } from '#core/random.ts';
import { FolderFlusher } from './folder-flush.ts';

export const systemClock: Clock = {
  now: () => Date.now(),
  mono: () => performance.now(),
  setTimer(delayMs, run) {
    const timer = setTimeout(run, delayMs);
    return { cancel: () => clearTimeout(timer) };
  },
};

export const systemRandom: Random = createRandom();

/** Asking the system costs a microsecond, whether for 16 bytes or for four thousand; no byte is given out twice. */
function createRandom(): Random {
  const pool = new Uint8Array(4096);
  let used = pool.length;

  function bytes(count: number): Uint8Array<ArrayBuffer> {
    if (count > pool.length / 4) return randomFillSync(new Uint8Array(count));
    if (used + count > pool.length) {
      randomFillSync(pool);
      used = 0;
    }
    used += count;
    const taken = pool.slice(used - count, used);
    pool.fill(0, used - count, used);
    return taken;
  }

  return { bytes, u32: () => new DataView(bytes(4).buffer).getUint32(0) };
}

const folders = new FolderFlusher();

export const systemFiles: Files = {
  openPart: (path) => guard(path, () => new OpenPart(path)),
  async makeNew(path, text) {
    if (text !== undefined) return makeNewText(path, text);
    try {
      await (await open(path, 'wx', 0o644)).close();
      return true;
    } catch (error) {
      if (codeOf(error) === 'EEXIST') return false;
      throw explain(error, path);
    }
  },
  async readText(path) {
    try {
      return await readFile(path, 'utf8');
    } catch (error) {
      if (isMissing(error)) return null;
      throw explain(error, path);
    }
  },
  async writeText(path, text) {
    const draft = `${path}.new`;
    try {
      const handle = await open(draft, 'w', 0o600);
      try {
        await handle.writeFile(text);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, path);
      await flushFolder(dirname(path));
    } catch (error) {
      // A full disk is no reason to leave half a file on it.
      await rm(draft, { force: true }).catch(() => {});
      throw explain(error, path);
    }
  },
  async claimName(from, to) {
    const [outcome = false] = await systemFiles.claimNames([{ from, to }]);
    if (outcome instanceof Error) throw outcome;
    return outcome;
  },
  async claimNames(moves) {
    const outcomes = moves.map(({ from, to }) => tryTakeName(from, to));
    await Promise.all([...new Set(moves.map(({ to }) => dirname(to)))].map((folder) => flushFolder(folder)));
    return outcomes;
  },
  async sharesDisk(path, folder) {
    const trial = join(folder, `.flotilla-${process.pid}-${(await stat(path)).ino}.link`);
    try {
      await rm(trial, { force: true });
      // Tried, because mounts and file systems without hard links look alike from outside.
      await link(path, trial);
      await unlink(trial);
      return true;
    } catch (error) {
      if (codeOf(error) === 'EXDEV' || hasNoLinks(error)) return false;
      throw explain(error, folder);
    }
  },
  async copy(from, to, signal) {
    try {
      const source = await open(from, 'r');
      try {
        const target = await open(to, 'w', 0o644);
        await pour(source, target, signal).finally(() => target.close());
      } finally {
        await source.close();
      }
    } catch (error) {
      await rm(to, { force: true }).catch(() => {});
      throw explain(error, to);
    }
  },
  async remove(path) {
    try {
      await unlink(path);
    } catch (error) {
      if (!isMissing(error)) throw explain(error, path);
    }
  },
  async removeFolder(path) {
    try {
      await rm(path, { recursive: true, force: true });
    } catch (error) {
      throw explain(error, path);
    }
  },
  async makeFolder(path) {
    try {
      await makeFolders(path);
      await access(path, fs.constants.W_OK | fs.constants.X_OK);
    } catch (error) {
      throw explain(error, path);
    }
  },
  async list(folder) {
    try {
      return await readdir(folder);
    } catch (error) {
      if (isMissing(error)) return [];
      throw explain(error, folder);
    }
  },
  async sizeOf(path) {
    try {
      return (await stat(path)).size;
    } catch (error) {
      if (isMissing(error)) return null;
      throw explain(error, path);
    }
  },
  async identityOf(path) {
    try {
      const { ino, birthtimeNs } = await stat(path, { bigint: true });
      // Numbers of files are used again; the time of birth, where the file system keeps it, is not. Disks get other
      // numbers when the machine starts, so theirs is left out.
      return `${ino}:${birthtimeNs}`;
    } catch (error) {
      if (isMissing(error)) return null;
      throw explain(error, path);
    }
  },
  async setModified(path, atMs) {
    try {
      await utimes(path, atMs / 1000, atMs / 1000);
    } catch (error) {
      throw explain(error, path);
    }
  },
  async space(folder) {
    try {
      const [{ bavail, blocks, bsize }, { dev }] = await Promise.all([statfs(folder), stat(folder)]);
      return { disk: String(dev), freeBytes: bavail * bsize, sizeBytes: blocks * bsize };
    } catch (error) {
      throw explain(error, folder);
    }
  },
  processId: process.pid,
  isOtherProcess(processId) {
    if (processId === process.pid) return false;
    try {
      return process.kill(processId, 0) && !isDead(processId);
    } catch (error) {
      // Someone else's process may not be signalled, but it is there.
      return codeOf(error) === 'EPERM';
    }
  },
  async bootId() {
    try {
      return (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim();
    } catch {
      return null;
    }
  },
};

/** A killed process keeps its number until its parent asks what became of it, and some parents never do. */
function isDead(processId: number): boolean {
  try {
    // proc(5): the name stands in brackets and may hold anything; the state comes behind it.
    const text = fs.readFileSync(`/proc/${processId}/stat`, 'latin1');
    return /^ [ZX]/.test(text.slice(text.lastIndexOf(')') + 1));
  } catch {
    return false;
  }
}

class OpenPart implements PartFile {
  readonly #path: string;
  readonly #descriptor: number;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
    this.#descriptor = fs.openSync(path, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_NOFOLLOW, 0o644);
  }

  writeAt(chunk: Uint8Array, position: number): void {
    guard(this.#path, () => {
      let written = 0;
      // A write may be cut short by a nearly full disk; the next one then tells.
      while (written < chunk.length) {
        written += fs.writeSync(this.#descriptor, chunk, written, chunk.length - written, position + written);
      }
    });
  }

  append(text: string): void {
    const bytes = Buffer.from(text);
    const sizeBytes = fs.fstatSync(this.#descriptor).size;
    try {
      this.writeAt(bytes, sizeBytes);
    } catch (error) {
      this.#cutBack(sizeBytes);
      throw error;
    }
  }

  /** Half a line would spoil the next one too. */
  #cutBack(sizeBytes: number): void {
    try {
      fs.ftruncateSync(this.#descriptor, sizeBytes);
    } catch {
      // The error before this one is the one to tell; a torn line is known by its checksum.
    }
  }

  setSize(sizeBytes: number): void {
    guard(this.#path, () => fs.ftruncateSync(this.#descriptor, sizeBytes));
  }

  flush(): Promise<void> {
    if (isInMemory(dirname(this.#path))) return Promise.resolve();
    return new Promise((resolve, reject) => {
      fs.fdatasync(this.#descriptor, (error) => (error === null ? resolve() : reject(explain(error, this.#path))));
    });
  }

  flushNow(): void {
    guard(this.#path, () => fs.fdatasyncSync(this.#descriptor));
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    fs.closeSync(this.#descriptor);
  }
}

/**
 * Hard-linking is the one step that fails when the name is taken; file systems without links get an exclusive placeholder.
 * Done here and now: handing short steps to another thread costs more than they do.
 */
function takeName(from: string, to: string): boolean {
  try {
    fs.linkSync(from, to);
    fs.unlinkSync(from);
    return true;
  } catch (error) {
    const code = codeOf(error);
    if (code === 'EEXIST') return false;
    if (!hasNoLinks(error)) throw error;
  }
  try {
    fs.closeSync(fs.openSync(to, 'wx'));
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
  fs.renameSync(from, to);
  return true;
}

/** Node's own way to make the folders above too never ends where a place takes none, such as /proc (node 26). */
async function makeFolders(path: string): Promise<void> {
  try {
    await mkdir(path);
  } catch (error) {
    if (isMissing(error) && dirname(path) !== path) {
      await makeFolders(dirname(path));
      // Somebody else may make it at the same moment.
      await mkdir(path).catch((again) => checkFolder(path, again));
    } else await checkFolder(path, error);
  }
}

/** It could not be made; that is no failure when it is there. */
async function checkFolder(path: string, error: unknown): Promise<void> {
  const isFolder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!isFolder) throw error;
}

function hasNoLinks(error: unknown): boolean {
  return ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK', 'ENOSYS'].includes(codeOf(error));
}

/** Written under a name of our own first: whoever sees the file sees all of it. */
async function makeNewText(path: string, text: string): Promise<boolean> {
  const draft = `${path}.${process.pid}.new`;
  try {
    guard(path, () => fs.writeFileSync(draft, text, { mode: 0o600 }));
    return takeName(draft, path);
  } catch (error) {
    throw explain(error, path);
  } finally {
    fs.rmSync(draft, { force: true });
  }
}

const copyBytes = 4 * 1024 * 1024;

async function pour(source: FileHandle, target: FileHandle, signal: AbortSignal): Promise<void> {
  const buffer = Buffer.allocUnsafe(copyBytes);
  for (let position = 0; ; ) {
    signal.throwIfAborted();
    const { bytesRead } = await source.read(buffer, 0, buffer.length, position);
    if (bytesRead === 0) break;
    for (let written = 0; written < bytesRead; ) {
      written += (await target.write(buffer, written, bytesRead - written, position + written)).bytesWritten;
    }
    position += bytesRead;
  }
  await target.sync();
}

function tryTakeName(from: string, to: string): boolean | Error {
  try {
    return guard(to, () => takeName(from, to));
  } catch (error) {
    return error as Error;
  }
}

/** See `FolderFlusher`. */
export function flushFolder(folder: string): Promise<void> {
  return folders.flush(folder);
}

function guard<T>(path: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw explain(error, path);
  }
}

const tmpfsType = 0x01021994;
let lastFolder = '';
let lastIsInMemory = false;

/** On a file system in memory there is nothing to flush, and asking for it takes longer than a small file does. */
function isInMemory(folder: string): boolean {
  if (folder !== lastFolder) {
    lastFolder = folder;
    try {
      lastIsInMemory = process.platform === 'linux' && fs.statfsSync(folder).type === tmpfsType;
    } catch {
      // It went, as with a disk that was pulled out; the next step there tells.
      lastIsInMemory = false;
    }
  }
  return lastIsInMemory;
}

/** The sentence behind an error of the file system. */
export function explain(error: unknown, path: string): unknown {
  const code = codeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    const what = code === 'EDQUOT' ? 'The disk quota is used up' : 'The disk is full';
    return new FlotillaError('no_space', `${what}: ${path} could not be written. Free some space, then go on.`, {
      cause: error,
    });
  }
  if (code === 'EFBIG') {
    const message = `${path} would be larger than this file system allows. Choose another folder.`;
    return new FlotillaError('no_space', message, { retry: 'never', cause: error });
  }
  if (['EACCES', 'EPERM', 'EROFS'].includes(code)) {
    const why = code === 'EROFS' ? 'the file system is read-only' : 'permission was denied';
    const message = `${path} cannot be written: ${why}. Choose another folder or change its permissions.`;
    return new FlotillaError('not_writable', message, { cause: error });
  }
  const reason = reasons[code];
  if (reason !== undefined) {
    return new FlotillaError('not_writable', `${path} cannot be written: ${reason}. Choose another folder.`, {
      cause: error,
    });
  }
  return error;
}

const reasons: Record<string, string> = {
  ENOTDIR: 'a part of this path is a file, not a folder',
  ENOENT: 'the folder does not exist',
  EEXIST: 'a file has the name of a folder that is needed',
  EISDIR: 'it is a folder',
  ELOOP: 'it is a symbolic link',
  ENAMETOOLONG: 'the name is too long for this file system',
};

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : '';
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT';
}
