/** What a person chooses for one of the links or files in the dialog. */
import type { Resolution, Source } from '../../types.ts';
import { allTicked, type FileTree, type Ticks, treeOf } from './file-tree.ts';
import { type Parameter, type ParameterValues, parametersOf } from './parameters.ts';

export type Choice = {
  /** The kind of source; '' leaves it to what is found. */
  as: string;
  values: ParameterValues;
  /** The same for the API; undefined: as usual. null: a field is not as it should be. */
  parameters: Record<string, unknown> | undefined | null;
  /** null: all files. `of` is the list that was ticked: ticks of another list mean nothing. */
  picked: { of: string; ticks: Ticks } | null;
};

export const noChoice: Choice = { as: '', values: {}, parameters: undefined, picked: null };

/** A list of files, told from another. */
export function listName(files: Resolution['files']): string {
  const first = files.slice(0, 50).map(({ path }) => path);
  return `${files.length} ${first.join('\n')} ${files.at(-1)?.path ?? ''}`;
}

const trees = new WeakMap<Resolution, FileTree>();

/** Made once for each answer. */
export function treeFor(resolution: Resolution): FileTree {
  let tree = trees.get(resolution);
  if (tree === undefined) {
    tree = treeOf(resolution.files);
    trees.set(resolution, tree);
  }
  return tree;
}

export function ticksOf({ picked }: Choice, { files }: Resolution): Ticks {
  return picked !== null && picked.of === listName(files) ? picked.ticks : allTicked(files.length);
}

/** The kinds that may fetch the link: those of its scheme, and those that work on what is found behind links of others. */
export function kindsFor(sources: Source[], link: string | null, found: string | null): Source[] {
  const scheme = link === null ? null : (URL.parse(link)?.protocol ?? null);
  return sources.filter(
    ({ kind, schemes }) => kind === found || (scheme !== null && (schemes.length === 0 || schemes.includes(scheme))),
  );
}

/** The fields of the kind that was chosen, or found. */
export function fieldsFor(sources: Source[], choice: Choice, found: string | null): { kind: string; parameters: Parameter[] } {
  const kind = choice.as === '' ? found : choice.as;
  const source = sources.find((one) => one.kind === kind);
  return { kind: kind ?? '', parameters: parametersOf(source?.parameters) };
}
