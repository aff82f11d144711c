/** A fact that happened to a download, a worker or a user. Written in the transaction that made it true. */
export const eventNames = [
  'download.queued',
  'download.resolved',
  'download.started',
  'download.paused',
  'download.resumed',
  'download.retry_scheduled',
  'download.stage_changed',
  'download.fetched',
  'download.verified',
  'download.delivering',
  'download.delivered',
  'download.completed',
  'download.failed',
  'download.cancelled',
  'download.removed',
  'download.restored',
  'download.changed',
  'download.noted',
  'worker.registered',
  'worker.online',
  'worker.lost',
  'worker.removed',
  'worker.changed',
  'user.created',
  'settings.changed',
  'destination.changed',
] as const;
export type EventName = (typeof eventNames)[number];

export type FlotillaEvent = {
  /** Rises by each event; the `Last-Event-ID` of the stream. */
  sequence: number;
  name: EventName;
  atMs: number;
  downloadId: string | null;
  ownerId: string | null;
  /** Sentence for the timeline, in English; programs read `data`. */
  message: string;
  data: Record<string, unknown>;
};
