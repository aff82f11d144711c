/**
 * The downloads of the list, as the server last told them. Rows are replaced, never changed in place; a row tells only its
 * own listeners, so a frame with a thousand numbers redraws the thirty rows on the screen.
 */
import type { Counts, Download, ProgressFrame } from '../types.ts';
import { createSignal, type Listen } from './signal.ts';

const noCounts: Counts = { all: 0, active: 0, queued: 0, finished: 0, failed: 0 };

export function createStore() {
  const rows = new Map<string, Download>();
  const rowSignals = new Map<string, ReturnType<typeof createSignal>>();
  const order = createSignal();
  const head = createSignal();
  let counts = noCounts;
  let speedBytesPerSecond = 0;

  function put(row: Download) {
    const old = rows.get(row.id);
    if (row.removedAtMs !== null) return drop([row.id]);
    // Speed lives in frames only: the row of the database does not know how fast it is right now.
    const isStill = old?.state === 'active' && row.state === 'active' && row.speedBytesPerSecond === 0;
    rows.set(row.id, isStill ? { ...row, speedBytesPerSecond: old.speedBytesPerSecond, etaSeconds: old.etaSeconds } : row);
    rowSignals.get(row.id)?.emit();
  }

  function drop(ids: Iterable<string>) {
    for (const id of ids) {
      rows.delete(id);
      rowSignals.get(id)?.emit();
    }
  }

  return {
    rows: rows as ReadonlyMap<string, Download>,
    row: (id: string) => rows.get(id),
    counts: () => counts,
    speed: () => speedBytesPerSecond,

    /** Called when `id` changes in any way, or goes. */
    onRow(id: string): Listen {
      return (listener) => {
        const signal = rowSignals.get(id) ?? createSignal();
        rowSignals.set(id, signal);
        const stop = signal.listen(listener);
        return () => {
          stop();
          if (signal.isUnheard()) rowSignals.delete(id);
        };
      };
    },
    /** Called when rows come, go, or change in something other than live numbers. */
    onOrder: order.listen,
    /** Called when counts or the total speed change. */
    onHead: head.listen,

    putMany(changed: Iterable<Download>) {
      for (const row of changed) put(row);
      order.emit();
    },
    /** Everything the server has: what it no longer names is gone. */
    replace(all: Iterable<Download>) {
      const kept = new Set<string>();
      for (const row of all) {
        put(row);
        kept.add(row.id);
      }
      drop([...rows.keys()].filter((id) => !kept.has(id)));
      order.emit();
    },
    drop(ids: Iterable<string>) {
      drop(ids);
      order.emit();
    },
    setCounts(next: Counts) {
      counts = next;
      head.emit();
    },
    applyFrame(frame: ProgressFrame) {
      for (const { id, ...live } of frame.downloads) {
        const old = rows.get(id);
        if (old === undefined) continue;
        rows.set(id, { ...old, ...live, sizeBytes: live.sizeBytes ?? old.sizeBytes });
        rowSignals.get(id)?.emit();
      }
      counts = frame.counts;
      speedBytesPerSecond = frame.speedBytesPerSecond;
      head.emit();
    },
  };
}
