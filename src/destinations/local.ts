import { createHash } from 'node:crypto';
import fs from 'node:fs';
import { link, mkdir, readFile, rm, stat, statfs, unlink, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { type DestinationTest, defineDestination, type ScratchFile } from '#core/destination.ts';
import { FlotillaError, toFailure } from '#core/errors.ts';
import { insideRoot, numberedName, safeName } from '#core/names.ts';
import type { DeliveredFile } from '#core/protocol.ts';
import { formatBytes } from '#lib/format.ts';
import { explain, flushFolder, systemFiles } from '#wire/system.ts';

const options = z.strictObject({
  folder: z
    .string()
    .min(1)
    .max(4096)
    .refine((folder) => isAbsolute(folder) && !folder.includes('\0'), 'The folder must be an absolute path.')
    .describe('Folder on the machine of the worker.'),
});

/** What a half-done delivery remembers, so that doing it again finds it. `wanted`: the path that it has unless that is taken. */
type Note = { path: string; draft: string | null; wanted?: string };

export const local = defineDestination({
  kind: 'local',
  options,

  async deliver({ folder }, file, onBytes, signal) {
    try {
      const target = await makeFolders(folder, file.path);
      const path = (await deliveredBefore(target, file)) ?? (await place(target, file, signal));
      const sha256 = await readBack(path, onBytes, signal);
      const promised = sha256Of(file);
      if (sha256 !== promised) {
        await rm(path, { force: true });
        const message = `${path} reads back as other bytes than were written: SHA-256 ${sha256} instead of ${promised}. The disk may be failing.`;
        throw new FlotillaError('checksum_mismatch', message);
      }
      const { sizeBytes, index, digests, verifiedAgainst } = file;
      return { index, path: file.path, sizeBytes, digests, verifiedAgainst, location: path, provenSha256: sha256 };
    } catch (error) {
      throw explain(error, folder);
    }
  },

  holds({ folder }, location) {
    try {
      return insideRoot(folder, location) === location;
    } catch {
      return false;
    }
  },

  async erase(_options, files: DeliveredFile[]) {
    for (const { location } of files) await rm(location, { force: true });
  },

  async test({ folder }) {
    const steps: DestinationTest = [];
    const path = join(folder, `.flotilla-test-${process.pid}`);
    const attempt = async (step: string, act: () => Promise<unknown>) => {
      if (steps.some(({ ok }) => !ok)) return;
      try {
        await act();
        steps.push({ step, ok: true, message: null });
      } catch (error) {
        steps.push({ step, ok: false, message: toFailure(explain(error, folder)).message });
      }
    };
    await attempt('folder', () => mkdir(folder, { recursive: true }));
    await attempt('write', () => writeFile(path, 'Flotilla', { flag: 'wx' }));
    await attempt('read', async () => {
      if ((await readFile(path, 'utf8')) !== 'Flotilla') throw new Error('What was written reads back differently.');
    });
    await attempt('delete', () => unlink(path));
    return steps;
  },

  async freeBytes({ folder }) {
    // The folder may not exist yet: what counts is the disk it will be on.
    for (let place = folder; ; place = dirname(place)) {
      try {
        const { bavail, bsize } = await statfs(place);
        return bavail * bsize;
      } catch {
        if (place === dirname(place)) return null;
      }
    }
  },
});

/**
 * The path of an earlier, interrupted delivery of this very file; what it left half-done is removed, and so is what lies where
 * nobody wants it any more.
 */
async function deliveredBefore(folder: string, file: ScratchFile): Promise<string | null> {
  const text = await systemFiles.readText(file.notePath);
  if (text === null) return null;
  const note = JSON.parse(text) as Note;
  if (note.draft !== null) await rm(note.draft, { force: true });
  const isThere = (await isSameFile(note.path, file.scratchPath)) || (note.draft !== null && (await isCopy(note.path, file)));
  if (!isThere) return null;
  if (note.wanted === undefined || note.wanted === wantedPath(folder, file)) return note.path;
  await rm(note.path, { force: true });
  return null;
}

function wantedPath(folder: string, { path }: ScratchFile): string {
  return insideRoot(folder, safeName(path));
}

/** The folder that the path of a file leads to below the destination's own. A path with a part that is not safe leads nowhere. */
async function makeFolders(root: string, path: string): Promise<string> {
  await mkdir(root, { recursive: true });
  let folder = root;
  const parts = path.split('/');
  if (parts.some((part) => safeName(part) !== part)) return root;
  for (const part of parts.slice(0, -1)) {
    const inner = insideRoot(folder, part);
    await mkdir(inner, { recursive: true }).catch((error) => {
      throw explain(error, inner);
    });
    await flushFolder(folder);
    folder = inner;
  }
  return folder;
}

/** Gives the file its final name, complete from the first moment; a taken name gets ` (1)`. */
async function place(folder: string, file: ScratchFile, signal: AbortSignal): Promise<string> {
  const from = (await systemFiles.sharesDisk(file.scratchPath, folder))
    ? file.scratchPath
    : await copyBeside(folder, file, signal);
  const draft = from === file.scratchPath ? null : from;
  if (file.modifiedAtMs !== undefined) await systemFiles.setModified(from, file.modifiedAtMs);
  for (let number = 0; ; number++) {
    const path = insideRoot(folder, numberedName(safeName(file.path), number));
    if ((await systemFiles.sizeOf(path)) !== null) continue;
    await systemFiles.writeText(
      file.notePath,
      JSON.stringify({ path, draft, wanted: wantedPath(folder, file) } satisfies Note),
    );
    if (draft !== null) {
      if (!(await systemFiles.claimName(draft, path))) continue;
    } else if (!(await linkNew(file.scratchPath, path))) continue;
    await flushFolder(folder);
    return path;
  }
}

/** A second name for the bytes, unless the name is taken. Both names stay until the delivery is recorded. */
async function linkNew(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** Copies to a hidden name in the target folder, flushed; returns its path. */
async function copyBeside(folder: string, file: ScratchFile, signal: AbortSignal): Promise<string> {
  const { freeBytes } = await systemFiles.space(folder);
  if (freeBytes < file.sizeBytes) {
    const sizes = `${formatBytes(freeBytes)} free, ${formatBytes(file.sizeBytes)} still to come`;
    throw new FlotillaError('no_space', `${folder} is full: ${sizes}. Free some space, then go on.`);
  }
  const draft = join(folder, `.flotilla-${(await stat(file.scratchPath)).ino}-${file.index}.part`);
  await systemFiles.writeText(file.notePath, JSON.stringify({ path: draft, draft } satisfies Note));
  await systemFiles.copy(file.scratchPath, draft, signal);
  return draft;
}

async function isSameFile(path: string, scratchPath: string): Promise<boolean> {
  try {
    const [a, b] = await Promise.all([stat(path), stat(scratchPath)]);
    return a.ino === b.ino && a.dev === b.dev;
  } catch {
    return false;
  }
}

/** A copy that got its final name just before an interruption: the read-back that follows proves it. */
async function isCopy(path: string, file: ScratchFile): Promise<boolean> {
  return (
    (await systemFiles.sizeOf(path)) === file.sizeBytes &&
    (await readBack(path, () => {}, new AbortController().signal)) === sha256Of(file)
  );
}

function sha256Of(file: ScratchFile): string | undefined {
  return file.digests.find(({ algorithm }) => algorithm === 'sha-256')?.hex;
}

async function readBack(path: string, onBytes: (byteCount: number) => void, signal: AbortSignal): Promise<string> {
  const hash = createHash('sha256');
  for await (const chunk of fs.createReadStream(path, { highWaterMark: 1024 * 1024, signal })) {
    hash.update(chunk);
    onBytes(chunk.length);
  }
  return hash.digest('hex');
}
