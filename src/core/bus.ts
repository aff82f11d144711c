import type { Phase } from './download.ts';

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
  /** How far running downloads are. */
  | { kind: 'progress'; items: SharedProgress[] }
  /** A look at a link was answered. */
  | { kind: 'answer'; lookId: string }
  /** A session, token or key is worth nothing any more. */
  | { kind: 'revoked'; credentialId: string };

/** The part of a progress that every face shows; ranges and connections stay with the replica that was told them. */
export type SharedProgress = {
  downloadId: string;
  ownerId: string;
  workerId: string;
  taskId: string;
  epoch: number;
  phase: Phase;
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
};

export interface Bus {
  /** To all other replicas. It never throws and never waits. */
  publish(message: BusMessage): void;
  /** What others publish, never our own; returns how to stop. */
  listen(listener: (message: BusMessage) => void): () => void;
}

/** For a control plane without replicas. */
export const noBus: Bus = { publish: () => {}, listen: () => () => {} };
