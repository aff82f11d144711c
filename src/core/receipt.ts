import type { DeliveredFile, FetchFacts } from './protocol.ts';

/** Proof of a completed download: what was fetched, from where, by whom, with which digest, and where the proven copy is. */
export type Receipt = {
  downloadId: string;
  /** Shown form: without a password. */
  link: string;
  facts: FetchFacts;
  files: DeliveredFile[];
  sizeBytes: number;
  workerId: string;
  workerName: string;
  destination: { id: string; kind: string; name: string };
  attempt: number;
  queuedAtMs: number;
  startedAtMs: number;
  fetchedAtMs: number;
  completedAtMs: number;
};
