/** The files of a link as a tree that is quick with a hundred thousand of them: flat lists in the order of the rows, no objects in objects. */
import type { Resolution } from '../../types.ts';

export type TreeNode = {
  name: string;
  depth: number;
  /** Of the file as the server counts; -1: a folder. */
  index: number;
  /** The nodes below it end before this one. */
  end: number;
  /** Of the file, or of all that are known below the folder. */
  sizeBytes: number | null;
  fileCount: number;
};

/** Depth first, in the order in which the files are listed; a folder stands where its first file does. */
export type FileTree = { nodes: TreeNode[]; paths: string[]; sizes: (number | null)[] };

/** One for each file, by its index: 1 is wanted. */
export type Ticks = Uint8Array;

type Folder = { name: string; children: (Folder | number)[]; folders: Map<string, Folder> };

export function treeOf(files: Resolution['files']): FileTree {
  const root: Folder = { name: '', children: [], folders: new Map() };
  files.forEach(({ path }, index) => {
    const parts = path.split('/');
    let folder = root;
    for (const name of parts.slice(0, -1)) {
      let next = folder.folders.get(name);
      if (next === undefined) {
        next = { name, children: [], folders: new Map() };
        folder.folders.set(name, next);
        folder.children.push(next);
      }
      folder = next;
    }
    folder.children.push(index);
  });
  const nodes: TreeNode[] = [];
  const lay = (children: Folder['children'], depth: number): { sizeBytes: number | null; fileCount: number } => {
    let sizeBytes: number | null = null;
    let fileCount = 0;
    for (const child of children) {
      const place = nodes.length;
      if (typeof child === 'number') {
        const file = files[child] as Resolution['files'][number];
        const name = file.path.slice(file.path.lastIndexOf('/') + 1);
        nodes.push({ name, depth, index: child, end: place + 1, sizeBytes: file.sizeBytes, fileCount: 1 });
        fileCount++;
        if (file.sizeBytes !== null) sizeBytes = (sizeBytes ?? 0) + file.sizeBytes;
        continue;
      }
      const node: TreeNode = { name: child.name, depth, index: -1, end: place, sizeBytes: null, fileCount: 0 };
      nodes.push(node);
      const below = lay(child.children, depth + 1);
      Object.assign(node, below, { end: nodes.length });
      fileCount += below.fileCount;
      if (below.sizeBytes !== null) sizeBytes = (sizeBytes ?? 0) + below.sizeBytes;
    }
    return { sizeBytes, fileCount };
  };
  lay(root.children, 0);
  return { nodes, paths: files.map(({ path }) => path.toLowerCase()), sizes: files.map(({ sizeBytes }) => sizeBytes) };
}

export function allTicked(count: number): Ticks {
  return new Uint8Array(count).fill(1);
}

/** Files of which each word stands somewhere in the path; null: nothing was typed. */
export function matching({ paths }: FileTree, typed: string): Ticks | null {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  if (words.length === 0) return null;
  return Uint8Array.from(paths, (path) => (words.every((word) => path.includes(word)) ? 1 : 0));
}

/** The nodes that are drawn: those of open folders, and of all that have a match when something was typed. */
export function shownNodes({ nodes }: FileTree, closed: ReadonlySet<number>, matches: Ticks | null): number[] {
  const counts = matches === null ? null : countBefore(nodes, matches);
  const shown: number[] = [];
  for (let place = 0; place < nodes.length; ) {
    const node = nodes[place] as TreeNode;
    if (counts !== null && counts[node.end] === counts[place]) {
      place = node.end;
      continue;
    }
    shown.push(place);
    place = node.index === -1 && counts === null && closed.has(place) ? node.end : place + 1;
  }
  return shown;
}

/** How many files are ticked before each node: a folder's own is a difference of two. */
export function countBefore(nodes: TreeNode[], ticks: Ticks): Uint32Array {
  const counts = new Uint32Array(nodes.length + 1);
  for (let place = 0; place < nodes.length; place++) {
    const { index } = nodes[place] as TreeNode;
    counts[place + 1] = (counts[place] as number) + (index === -1 ? 0 : (ticks[index] as number));
  }
  return counts;
}

/** The ticks after the node, with all below it, got this one; where something was typed only what matches. */
export function tickNode({ nodes }: FileTree, ticks: Ticks, place: number, isOn: boolean, matches: Ticks | null): Ticks {
  const next = ticks.slice();
  for (let at = place; at < (nodes[place] as TreeNode).end; at++) {
    const { index } = nodes[at] as TreeNode;
    if (index !== -1 && (matches === null || matches[index] === 1)) next[index] = isOn ? 1 : 0;
  }
  return next;
}

export function tickAll(ticks: Ticks, isOn: boolean, matches: Ticks | null): Ticks {
  return ticks.map((tick, index) => (matches === null || matches[index] === 1 ? (isOn ? 1 : 0) : tick));
}

/** What is ticked; `sizeBytes` is null while the size of one of them is not known. */
export function sumOf(sizes: (number | null)[], ticks: Ticks): { count: number; sizeBytes: number | null } {
  let count = 0;
  let sizeBytes: number | null = 0;
  for (let index = 0; index < sizes.length; index++) {
    if (ticks[index] !== 1) continue;
    count++;
    const size = sizes[index] ?? null;
    sizeBytes = sizeBytes === null || size === null ? null : sizeBytes + size;
  }
  return { count, sizeBytes };
}

/** As the API takes it, such as `0,2-5`; undefined: all of them. */
export function rangesOf(ticks: Ticks): string | undefined {
  if (!ticks.includes(0)) return undefined;
  const ranges: string[] = [];
  for (let index = ticks.indexOf(1); index !== -1; index = ticks.indexOf(1, index + 1)) {
    const end = ticks.indexOf(0, index);
    const last = (end === -1 ? ticks.length : end) - 1;
    ranges.push(last === index ? `${index}` : `${index}-${last}`);
    index = last;
  }
  return ranges.join(',');
}
