import type { SharedProgress } from '#core/bus.ts';

/** What a bus may be told of a download; each index is another one. */
export function progressOf(index: number): SharedProgress {
  const about = { downloadId: `download ${index}`, ownerId: `owner ${index % 3}`, workerId: `worker ${index % 7}`, epoch: 5 };
  const figures = { doneBytes: index, sizeBytes: index % 2 === 0 ? null : 1e12, speedBytesPerSecond: 3, connectionCount: 2 };
  return { ...about, phase: 'fetch', ...figures };
}
