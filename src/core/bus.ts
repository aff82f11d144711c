import type { Phase } from './download.ts';
import type { TaskProgress } from './protocol.ts';

/**
 * What replicas of the control plane tell each other, at best effort: a message may be lost, late or doubled, so each of
 * them only makes sooner what a replica finds out by itself. Nothing here is the truth; that is in the store.
 */
export type BusMessage =
  /** There are events that were not there before. */
  | { kind: 'events' }
  /** There may be work to claim. */
  | { kind: 'work' }
  /** What this worker holds, or should do about it, changed. */
  | { kind: 'worker'; workerId: string }
  /** Somebody at this replica looks: at what runs of these owners, and closely at these downloads. Said again while it is so. */
  | { kind: 'watch'; ownerIds: string[]; downloadIds: string[] }
  /** How far running downloads are, of owners that somebody watches. */
  | { kind: 'progress'; items: SharedProgress[] }
  /** All that is known of a running download that somebody looks at closely. */
  | { kind: 'details'; downloadId: string; progress: TaskProgress }
  /** Which downloads are in sight of whoever reads a live stream. */
  | ({ kind: 'view' } & StreamView)
  /** A look at a link was answered. */
  | { kind: 'answer'; lookId: string }
  /** A session, token or key is worth nothing any more. */
  | { kind: 'revoked'; credentialId: string };

/** The part of a progress that every face shows. */
export type SharedProgress = {
  downloadId: string;
  ownerId: string;
  workerId: string;
  epoch: number;
  phase: Phase;
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
  connectionCount: number;
};

/** The replica that holds the stream may be another than the one that was told. */
export type StreamView = { streamId: string; ownerId: string; downloadIds: string[] };

export interface Bus {
  /** To all other replicas. It never throws and never waits. */
  publish(message: BusMessage): void;
  /** What others publish, never our own; returns how to stop. */
  listen(listener: (message: BusMessage) => void): () => void;
}

/** For a control plane without replicas. */
export const noBus: Bus = { publish: () => {}, listen: () => () => {} };
