/** Downloads on their ladders: with which stage a task begins, and what is remembered of what a host let in. */
import type { DownloadOptions } from '#core/download.ts';
import { hostOf } from '#core/limits.ts';
import { asAsked, asStageAsks, type Climb, ladderOf, likelyKind, type Rung, type Stage } from '#core/stage.ts';
import type { StageMemory, StoredDownload, Transaction } from '#core/store.ts';
import type { Happening } from './change.ts';
import type { Ladder, Settings } from './control.ts';
import { currentRung } from './ladder.ts';
import type { Parts } from './parts.ts';
import { readSettings } from './settings.ts';
import { readLink } from './submit.ts';

/** Hosts change their minds: after this the first stage has its chance again. */
const rememberMs = 30 * 24 * 60 * 60_000;

type Climber = Pick<StoredDownload, 'link' | 'kind' | 'options'>;

export function ladderFor({ stages, maxTries }: Settings, { link, kind, options }: Climber): Rung[] {
  return ladderOf(stages, { kind: kind ?? options.as ?? likelyKind(link), host: hostOf(link) }, maxTries);
}

/** Which stages a link of that user would climb. Throws `link_invalid` or `scheme_unknown`. */
export function ladderOfLink(parts: Parts, ownerId: string, text: string): Promise<Ladder> {
  const link = readLink(parts, text).href;
  return parts.store.read(async (tx) => {
    const stages = ladderFor(await readSettings(tx), { link, kind: null, options: {} });
    const memory = await recallStage(parts, tx, { ownerId, link }, stages);
    const remembered = memory && { stage: memory.stage, atMs: memory.atMs };
    return { kind: likelyKind(link), host: hostOf(link), stages, remembered };
  });
}

/** null: nothing, or too long ago, or of a stage that the ladder does not have any more. */
export async function recallStage(
  { clock }: Pick<Parts, 'clock'>,
  tx: Transaction,
  { ownerId, link }: Pick<StoredDownload, 'ownerId' | 'link'>,
  ladder: Rung[],
): Promise<StageMemory | null> {
  const memory = await tx.stageMemory.get(ownerId, likelyKind(link), hostOf(link));
  if (memory === null || clock.now() - memory.atMs >= rememberMs) return null;
  return ladder.some(({ name }) => name === memory.stage) ? memory : null;
}

export function climbTo(stages: readonly Stage[], name: string, tried: Climb['tried']): Climb {
  const labels = stages.find((stage) => stage.name === name)?.labels ?? [];
  return { stage: name, ...(labels.length > 0 && { labels }), tried };
}

export type Step = {
  climb: Climb | null;
  /** What is to be told of it: nothing while it stands where it stood. */
  told: Happening[];
  /** The wish, as the stage asks for it. */
  ask(options: DownloadOptions): DownloadOptions;
};

/** Where a task that begins now stands on the ladder. `settings` has the stages with their secrets. */
export async function stepOn(parts: Parts, tx: Transaction, download: StoredDownload, settings: Settings): Promise<Step> {
  const { climb } = download;
  // Most people have no stages, and their downloads nothing to remember or tell.
  const isPlain = climb === null && settings.stages.length === 0;
  const ladder = isPlain ? [] : ladderFor(settings, download);
  if (isPlain || (climb === null && ladder.length === 1 && ladder[0]?.name === asAsked)) {
    return { climb, told: [], ask: (options) => options };
  }
  const memory = climb === null ? await recallStage(parts, tx, download, ladder) : null;
  const rung = memory === null ? currentRung(ladder, climb) : { name: memory.stage };
  const stage = settings.stages.find(({ name }) => name === rung.name);
  return {
    climb: climbTo(settings.stages, rung.name, climb?.tried ?? []),
    told: tellStart(ladder, climb, rung.name, memory),
    ask: (options) => (stage === undefined ? options : asStageAsks(options, stage)),
  };
}

function tellStart(ladder: Rung[], climb: Climb | null, to: string, memory: StageMemory | null): Happening[] {
  const tell = (message: string) => [
    { name: 'download.stage_changed' as const, message, data: { from: climb?.stage ?? null, to } },
  ];
  if (climb !== null)
    return climb.stage === to ? [] : tell(`Stage ${climb.stage} is not there any more. It goes on with stage ${to}.`);
  if (memory !== null && to !== ladder[0]?.name) {
    return tell(
      `Begins with stage ${to}, which worked for ${memory.host} on ${new Date(memory.atMs).toISOString().slice(0, 10)}.`,
    );
  }
  return to === asAsked ? [] : tell(`Begins with stage ${to}.`);
}

/** It came with its stage after an earlier one had failed: its owner's others from that host begin with it. */
export async function rememberStage(
  { clock }: Parts,
  tx: Transaction,
  { ownerId, link, climb }: StoredDownload,
): Promise<void> {
  if (climb === null || climb.tried.length === 0) return;
  await tx.stageMemory.removeBefore(clock.now() - rememberMs);
  await tx.stageMemory.put({ ownerId, kind: likelyKind(link), host: hostOf(link), stage: climb.stage, atMs: clock.now() });
}

/** The stage did not work for that host any more. */
export async function forgetStage(
  tx: Transaction,
  { ownerId, link }: Pick<StoredDownload, 'ownerId' | 'link'>,
  stage: string,
): Promise<void> {
  const key = [ownerId, likelyKind(link), hostOf(link)] as const;
  if ((await tx.stageMemory.get(...key))?.stage === stage) await tx.stageMemory.remove(...key);
}

/** The stage that a task is asked for with, for the record. */
export function stageOf(download: StoredDownload | null): string | null {
  return download === null ? null : (download.climb?.stage ?? asAsked);
}
