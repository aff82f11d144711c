/**
 * The thread that computes digests: it follows the part of a file that is there without a gap, reading it back from the
 * page cache, while the connections go on writing elsewhere.
 */
import fs from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { Digest, DigestAlgorithm } from '#core/resolution.ts';
import type { DigestAnswer, DigestCommand } from './digests.ts';
import { createHasher, type Hasher } from './hasher.ts';

const buffer = Buffer.allocUnsafeSlow(1024 * 1024);
const jobs = new Map<number, { descriptor: number; position: number; hashes: Map<DigestAlgorithm, Hasher> }>();
/** What went wrong before anybody asked for the digests: they are told when they do. */
const failures = new Map<number, string>();

parentPort?.on('message', (command: DigestCommand) => {
  try {
    const answer = obey(command);
    if (answer !== null) parentPort?.postMessage(answer);
  } catch (error) {
    if (command.kind === 'finish' || command.kind === 'pieces')
      parentPort?.postMessage({ id: command.id, error: String(error) } satisfies DigestAnswer);
    else failures.set(command.id, String(error));
  }
});

function obey(command: DigestCommand): DigestAnswer | null {
  if (command.kind === 'open') {
    const hashes = new Map(command.algorithms.map((algorithm) => [algorithm, createHasher(algorithm)]));
    jobs.set(command.id, { descriptor: fs.openSync(command.path, 'r'), position: 0, hashes });
    return null;
  }
  if (command.kind === 'pieces') return { id: command.id, digests: digestPieces(command) };
  const job = jobs.get(command.id);
  const failure = failures.get(command.id);
  if (command.kind === 'close') failures.delete(command.id);
  if (job === undefined || failure !== undefined) {
    if (command.kind === 'finish') throw new Error(failure ?? 'nobody told the thread to follow this file');
    if (job === undefined) return null;
  }
  if (command.kind === 'close') {
    jobs.delete(command.id);
    fs.closeSync(job.descriptor);
    return null;
  }
  while (job.position < command.endByte) {
    const wanted = Math.min(buffer.length, command.endByte - job.position);
    const count = fs.readSync(job.descriptor, buffer, 0, wanted, job.position);
    if (count === 0) throw new Error(`the file ends at ${job.position}, before ${command.endByte}`);
    for (const hash of job.hashes.values()) hash.update(buffer.subarray(0, count));
    job.position += count;
  }
  if (command.kind === 'advance') return null;
  const digests = [...job.hashes].map(([algorithm, hash]) => ({ algorithm, hex: hash.digest() }));
  jobs.delete(command.id);
  fs.closeSync(job.descriptor);
  return { id: command.id, digests };
}

function digestPieces({ path, algorithm, lengthBytes }: DigestCommand & { kind: 'pieces' }): Digest[] {
  const descriptor = fs.openSync(path, 'r');
  try {
    const digests: Digest[] = [];
    let hash = createHasher(algorithm);
    let inPiece = 0;
    const finishPiece = () => {
      digests.push({ algorithm, hex: hash.digest() });
      hash = createHasher(algorithm);
      inPiece = 0;
    };
    for (;;) {
      const count = fs.readSync(descriptor, buffer, 0, Math.min(buffer.length, lengthBytes - inPiece), null);
      if (count === 0) break;
      hash.update(buffer.subarray(0, count));
      inPiece += count;
      if (inPiece === lengthBytes) finishPiece();
    }
    if (inPiece > 0) finishPiece();
    return digests;
  } finally {
    fs.closeSync(descriptor);
  }
}
