/** Everything below a folder of an SFTP server. */
import { FlotillaError } from '#core/errors.ts';
import { mostFiles } from '#core/resolution.ts';
import { mostNameBytes, TreeSize } from '#core/tree-size.ts';
import type { SftpConnection, SftpEntry } from './ssh-session.ts';

const deepest = 64;
const mostFolders = 100_000;
/** Names of any kind, and answers of the server, which may hold none. */
const mostSeen = mostFiles + 2 * mostFolders;
/** Folders that are read at the same time, so that distance costs less. */
const atOnce = 8;
const mostToldLeftOut = 100;

export type SftpTree = {
  /** Sorted by their paths; `parts` are the names of the folders on the way, and its own. */
  files: { parts: string[]; sizeBytes: number | null }[];
  /** Paths of what is no file of this folder, or cannot be named: the first of them. */
  leftOut: string[];
};

/** What is known of the tree so far. */
type Reading = SftpTree & { root: string; folders: string[][]; size: TreeSize; seenCount: number };

/**
 * Reads it, without following symbolic links: those could lead anywhere, and round in circles. Throws `unsupported` when there
 * is more than can be handled.
 */
export async function listTree(connection: SftpConnection, root: string): Promise<SftpTree> {
  const size = new TreeSize(JSON.stringify(root));
  const tree: Reading = { files: [], leftOut: [], root, folders: [], size, seenCount: 0 };
  let waiting: string[][] = [[]];
  let folderCount = 0;
  while (waiting.length > 0) {
    const queue = waiting;
    const work = async () => {
      for (let parts = queue.pop(); parts !== undefined; parts = queue.pop()) {
        if (++folderCount > mostFolders || parts.length > deepest) throw tooMuch(root);
        await readOne(connection, parts, tree);
      }
    };
    await Promise.all(Array.from({ length: Math.min(atOnce, queue.length) }, work));
    waiting = tree.folders;
    tree.folders = [];
  }
  const { files, leftOut } = tree;
  files.sort((a, b) => compare(a.parts, b.parts));
  return { files, leftOut };
}

async function readOne(connection: SftpConnection, parts: string[], tree: Reading) {
  const path = [tree.root.replace(/\/+$/, ''), ...parts].join('/') || '/';
  const handle = await connection.openFolder(path);
  try {
    for (
      let some = await connection.readFolder(handle, path);
      some !== null;
      some = await connection.readFolder(handle, path)
    ) {
      for (const entry of some) take(entry, parts, tree);
      tree.seenCount += some.length + 1;
      if (tree.files.length > mostFiles || tree.seenCount > mostSeen) throw tooMuch(tree.root);
    }
  } finally {
    void connection.closeHandle(handle);
  }
}

function take({ name, stats }: SftpEntry, parents: string[], tree: Reading): void {
  const parts = [...parents, name];
  // Some servers list themselves; a name with a slash is none, and one that is not UTF-8 could not be asked for.
  if (name === '' || name === '.' || name === '..') return;
  const path = parts.join('/');
  const isNameable = !/[/\0\ufffd]/.test(name) && Buffer.byteLength(name) <= mostNameBytes;
  if (isNameable && (stats.isDirectory() || stats.isFile())) {
    tree.size.add(path);
    if (stats.isDirectory()) tree.folders.push(parts);
    else tree.files.push({ parts, sizeBytes: stats.size ?? null });
  } else if (tree.leftOut.length < mostToldLeftOut) {
    tree.leftOut.push(path.slice(0, mostNameBytes));
  }
}

/** The same in every place and at every time. */
function compare(a: string[], b: string[]): number {
  for (let at = 0; at < Math.min(a.length, b.length); at++) {
    const [one, other] = [a[at] as string, b[at] as string];
    if (one !== other) return one < other ? -1 : 1;
  }
  return a.length - b.length;
}

function tooMuch(root: string): FlotillaError {
  const message = `There is too much below ${JSON.stringify(root)}: more than ${mostFiles} files, or folders nested deeper than ${deepest}. Take a folder further inside.`;
  return new FlotillaError('unsupported', message);
}
