import { hash } from 'node:crypto';
import fs from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Digester, FileDigests } from '#core/digester.ts';
import { changedFromOutside } from '#core/files.ts';
import type { Digest, DigestAlgorithm } from '#core/resolution.ts';
import { createHasher } from './hasher.ts';

export type DigestCommand =
  | { kind: 'open'; id: number; path: string; algorithms: DigestAlgorithm[] }
  | { kind: 'advance' | 'finish'; id: number; endByte: number }
  | { kind: 'pieces'; id: number; path: string; algorithm: DigestAlgorithm; lengthBytes: number }
  | { kind: 'close'; id: number };
export type DigestAnswer = { id: number; digests?: Digest[]; error?: string };

/** Smaller files are read at their end in one go: a message to a thread would cost more than the digest. */
const smallBytes = 4 * 1024 * 1024;
/** How far the thread lags behind: fewer messages, and what it reads is still in the page cache. */
const stepBytes = 8 * 1024 * 1024;

/** One thread serves all large files; it starts with the first and ends with `close`. */
export class DigestThread implements Digester {
  #thread: Worker | null = null;
  #lastId = 0;
  readonly #waiting = new Map<number, { path: string; resolve(digests: Digest[]): void; reject(error: Error): void }>();

  follow(path: string, sizeBytes: number | null, algorithms: DigestAlgorithm[]): FileDigests {
    const wanted = [...new Set(algorithms)];
    if (wanted.length === 0) return { advance() {}, finish: async () => [], close() {} };
    if (sizeBytes !== null && sizeBytes <= smallBytes) {
      return { advance() {}, finish: async (size) => digestsOfFile(path, size, wanted), close() {} };
    }
    const id = ++this.#lastId;
    this.#send({ kind: 'open', id, path, algorithms: wanted });
    let sent = 0;
    return {
      advance: (endByte) => {
        if (endByte - sent < stepBytes) return;
        sent = endByte;
        this.#send({ kind: 'advance', id, endByte });
      },
      finish: (size) =>
        new Promise((resolve, reject) => {
          this.#waiting.set(id, { path, resolve, reject });
          this.#send({ kind: 'finish', id, endByte: size });
        }),
      close: () => this.#send({ kind: 'close', id }),
    };
  }

  async digestPieces(path: string, algorithm: DigestAlgorithm, lengthBytes: number): Promise<string[]> {
    const id = ++this.#lastId;
    const digests = await new Promise<Digest[]>((resolve, reject) => {
      this.#waiting.set(id, { path, resolve, reject });
      this.#send({ kind: 'pieces', id, path, algorithm, lengthBytes });
    });
    return digests.map(({ hex }) => hex);
  }

  close(): void {
    this.#thread?.terminate();
    this.#thread = null;
  }

  #send(command: DigestCommand): void {
    this.#thread ??= this.#start();
    // While nobody waits for an answer the thread alone does not keep the program running.
    if (this.#waiting.size > 0) this.#thread.ref();
    this.#thread.postMessage(command);
  }

  #start(): Worker {
    const thread = new Worker(new URL('./digest-thread.ts', import.meta.url), {
      resourceLimits: { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 8 },
    });
    thread.unref();
    thread.on('message', ({ id, digests, error }: DigestAnswer) => {
      const waiter = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (this.#waiting.size === 0) thread.unref();
      if (digests !== undefined) waiter?.resolve(digests);
      else waiter?.reject(failureOf(waiter.path, String(error)));
    });
    thread.on('error', (cause) => {
      this.#thread = null;
      const error = new Error('The thread that computes digests ended.', { cause });
      for (const waiter of this.#waiting.values()) waiter.reject(error);
      this.#waiting.clear();
    });
    return thread;
  }
}

/** `error` as the thread tells it. */
function failureOf(path: string, error: string): Error {
  const isGone = /\bENOENT\b|the file ends at/.test(error);
  return isGone ? changedFromOutside(path) : new Error(`The digest could not be computed: ${error}`);
}

function digestsOfFile(path: string, sizeBytes: number, algorithms: DigestAlgorithm[]): Digest[] {
  const bytes = fs.existsSync(path) ? fs.readFileSync(path) : null;
  if (bytes?.length !== sizeBytes) throw changedFromOutside(path);
  return digestsOf(bytes, algorithms);
}

/** Of little that is in memory. */
export function digestsOf(bytes: Uint8Array, algorithms: DigestAlgorithm[]): Digest[] {
  return algorithms.map((algorithm) => ({ algorithm, hex: digestOf(bytes, algorithm) }));
}

function digestOf(bytes: Uint8Array, algorithm: DigestAlgorithm): string {
  // In one go it is faster, and thousands of small files are common.
  if (!algorithm.startsWith('crc')) return hash(algorithm.replace('sha-', 'sha'), bytes);
  const hasher = createHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}
