import type { ReportRequest, TaskProgress } from '#core/protocol.ts';

/** As the protocol bounds a task. */
const mostRanges = 4096;
const mostConnections = 256;
const longestMirror = 300;
/** Of all tasks of a report together. */
const mostRangesOfAll = 60_000;
const mostConnectionsOfAll = 10_000;
const mostHolding = 20_000;

type Figures = Required<Pick<ReportRequest, 'tasks' | 'holding' | 'spareBytes'>>;

/** What a report may carry: a picture of more is told coarser, never larger. */
export function withinReport({ tasks, holding, spareBytes }: Figures): Figures {
  const shareOf = (mostOfAll: number) => Math.floor(mostOfAll / Math.max(1, tasks.length));
  const most = Math.min(mostRanges, shareOf(mostRangesOfAll));
  const mostOpen = Math.min(mostConnections, shareOf(mostConnectionsOfAll));
  const thinned = tasks.map(({ ranges, stretches, connections, ...progress }): TaskProgress => {
    const share = Math.floor(most / Math.max(1, stretches.length));
    const thinStretches = stretches.map(({ mirror, ranges: brought }) => {
      return { mirror: clip(mirror), ranges: thinOut(brought, share) };
    });
    const open = connections.slice(0, mostOpen).map((one) => ({ ...one, mirror: clip(one.mirror) }));
    return { ...progress, connections: open, ranges: thinOut(ranges, most), stretches: thinStretches };
  });
  // Below zero when more is promised than there is.
  const roomBytes = spareBytes === null ? null : Math.max(0, spareBytes);
  return { tasks: thinned, holding: holding.slice(0, mostHolding), spareBytes: roomBytes };
}

/** A second mirror on one host is named by its link. */
function clip(mirror: string): string {
  return mirror.length <= longestMirror ? mirror : `${mirror.slice(0, longestMirror - 1)}…`;
}

/** The largest ones, in order. */
function thinOut(ranges: [number, number][], most: number): [number, number][] {
  if (ranges.length <= most) return ranges;
  const largest = ranges.toSorted((a, b) => b[1] - b[0] - (a[1] - a[0])).slice(0, most);
  return largest.toSorted((a, b) => a[0] - b[0]);
}
