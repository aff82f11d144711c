/** The last minutes of speed, kept by the page: one ring for all together, one for each download seen moving. */

export type Sample = { atMs: number; bytesPerSecond: number };

const totalMs = 60_000;
const ownMs = 10 * 60_000;
const maxRings = 100;

export function createRings() {
  const total: Sample[] = [];
  const own = new Map<string, Sample[]>();

  return {
    total: () => total,
    of: (id: string): readonly Sample[] => own.get(id) ?? [],
    push(atMs: number, totalSpeed: number, downloads: { id: string; speedBytesPerSecond: number }[]) {
      append(total, { atMs, bytesPerSecond: totalSpeed }, totalMs);
      for (const { id, speedBytesPerSecond } of downloads) {
        const ring = own.get(id) ?? [];
        // Taken out and put back: a Map keeps the order of insertion, so its first ring is the one longest without news.
        own.delete(id);
        own.set(id, ring);
        append(ring, { atMs, bytesPerSecond: speedBytesPerSecond }, ownMs);
      }
      for (const id of own.keys()) {
        if (own.size <= maxRings) break;
        own.delete(id);
      }
    },
  };
}

function append(ring: Sample[], sample: Sample, keepMs: number) {
  ring.push(sample);
  const first = ring.findIndex(({ atMs }) => atMs >= sample.atMs - keepMs);
  // Cutting in batches: moving the whole array for each sample would be wasteful.
  if (first > 64) ring.splice(0, first);
}
