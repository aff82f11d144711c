/** Our words as the contract shows them: no owner, no secret of a link, and the live figures laid over the stored ones. */
import type { z } from 'zod';
import type { Control } from '#control/control.ts';
import type { LiveFigures } from '#control/progress.ts';
import type { Download } from '#core/download.ts';
import { showLink } from '#core/link.ts';
import type { FetchedFile, TaskProgress } from '#core/protocol.ts';
import type { Receipt } from '#core/receipt.ts';
import type { ResolvedFile } from '#core/resolution.ts';
import { parseSelection } from '#core/selection.ts';
import type { download, downloadFile, pieces, progressFrame, receipt } from './contract/shapes.ts';

export type DownloadView = z.input<typeof download>;

/** Whole, with its location when it was delivered. */
export function viewDownload(control: Control, stored: Download): DownloadView {
  const live = stored.state === 'active' ? control.progressOf(stored.id) : null;
  const { options, failure } = stored;
  return {
    id: stored.id,
    link: stored.link,
    kind: stored.kind,
    name: stored.name,
    state: stored.state,
    phase: live?.phase ?? stored.phase,
    reason: stored.reason,
    retryAtMs: stored.retryAtMs,
    sizeBytes: live?.sizeBytes ?? stored.sizeBytes,
    doneBytes: live?.doneBytes ?? stored.doneBytes,
    speedBytesPerSecond: live?.speedBytesPerSecond ?? 0,
    etaSeconds: live === null ? null : etaSeconds(live),
    connectionCount: live?.connectionCount ?? 0,
    resumable: stored.resolution?.resumable ?? null,
    destinationId: stored.destinationId,
    location: stored.location,
    mirrors: options.mirrors ?? [],
    checksum: options.checksum ?? null,
    connections: options.connections ?? null,
    limitBytesPerSecond: options.limitBytesPerSecond ?? null,
    startAtMs: options.startAtMs ?? null,
    hours: options.hours ?? null,
    labels: options.labels ?? [],
    priority: stored.priority,
    attempt: stored.attempt,
    stage: stored.stage,
    failure,
    createdAtMs: stored.createdAtMs,
    startedAtMs: stored.startedAtMs,
    finishedAtMs: stored.finishedAtMs,
    removedAtMs: stored.removedAtMs,
    eraseAtMs: stored.eraseAtMs,
  };
}

export function viewReceipt({ facts, workerId, workerName, ...proof }: Receipt): z.input<typeof receipt> {
  return {
    ...proof,
    files: proof.files.map((file) => ({ ...file, sha256: sha256Of(file) })),
    finalUrl: showLink(facts.finalUrl),
    validator: facts.validator,
    fetchedBytes: facts.fetchedBytes,
    connections: facts.connections,
    worker: { id: workerId, name: workerName },
  };
}

export function viewPieces(stored: Download, live: TaskProgress | null): z.input<typeof pieces> {
  if (live !== null)
    return { sizeBytes: live.sizeBytes, ranges: live.ranges, connections: live.connections, stretches: live.stretches };
  const { state, sizeBytes } = stored;
  // Of one that waits only the count of bytes is known here; which ones they are, its worker knows.
  const ranges: [number, number][] = state === 'completed' && sizeBytes !== null && sizeBytes > 0 ? [[0, sizeBytes]] : [];
  return { sizeBytes, ranges, connections: [], stretches: [] };
}

/** Files as far as known: promised by the probe, with what is on disk of each, then proven by the receipt. */
export function viewFiles(
  stored: Download,
  known: ResolvedFile[],
  proof: Receipt | null,
  live: TaskProgress | null,
): FileView[] {
  if (proof !== null) {
    return proof.files.map(({ index, path, sizeBytes, digests, location }) => {
      return { index, path, sizeBytes, digests, location, available: false, wanted: true, doneBytes: sizeBytes };
    });
  }
  const selected = parseSelection(stored.options.files);
  const files = known.map(({ path, sizeBytes }, index): FileView => {
    const wanted = selected?.has(index) ?? true;
    return { index, path, sizeBytes, digests: [], location: null, available: false, wanted, doneBytes: null };
  });
  if (live !== null) fillDone(files, live.ranges);
  return files;
}

type FileView = z.input<typeof downloadFile>;

/** The wanted files lie one after the other; from the first one of unknown size on, nobody knows where. */
function fillDone(files: FileView[], ranges: TaskProgress['ranges']): void {
  let startByte = 0;
  let at = 0;
  for (const file of files) {
    if (!file.wanted) continue;
    if (file.sizeBytes === null) return;
    const endByte = startByte + file.sizeBytes;
    while (at < ranges.length && (ranges[at]?.[1] ?? 0) <= startByte) at++;
    let doneBytes = 0;
    for (let next = at; next < ranges.length; next++) {
      const [from, to] = ranges[next] as [number, number];
      if (from >= endByte) break;
      doneBytes += Math.min(to, endByte) - Math.max(from, startByte);
    }
    file.doneBytes = doneBytes;
    startByte = endByte;
  }
}

export function viewProgress(live: LiveFigures): z.input<typeof progressFrame>['downloads'][number] {
  return {
    id: live.downloadId,
    phase: live.phase,
    doneBytes: live.doneBytes,
    sizeBytes: live.sizeBytes,
    speedBytesPerSecond: live.speedBytesPerSecond,
    etaSeconds: etaSeconds(live),
    connectionCount: live.connectionCount,
  };
}

/** Of what was fetched; every fetched file has one. */
function sha256Of(file: FetchedFile): string {
  return file.digests.find(({ algorithm }) => algorithm === 'sha-256')?.hex ?? '';
}

/** null: the size is not known, or nothing moves. */
function etaSeconds({ sizeBytes, doneBytes, speedBytesPerSecond }: LiveFigures): number | null {
  if (sizeBytes === null || speedBytesPerSecond <= 0) return null;
  return Math.max(0, sizeBytes - doneBytes) / speedBytesPerSecond;
}
