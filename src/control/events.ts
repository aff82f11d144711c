import type { EventName, FlotillaEvent } from '#core/event.ts';
import type { NewEvent, StoredDownload, Transaction } from '#core/store.ts';
import type { Parts } from './parts.ts';

/** Tells listeners in this process, in the order of commits; whoever was away reads the outbox. */
export type EventHub = {
  /** Events that we committed. */
  publish(events: FlotillaEvent[]): void;
  /** Reads what others committed since the last event that was told. */
  catchUp(): Promise<void>;
  listen(listener: (event: FlotillaEvent) => void): () => void;
};

const pageSize = 500;

/** `lastSequence`: listeners hear of what comes after it. */
export function createEventHub({ store, log, bus }: Pick<Parts, 'store' | 'log' | 'bus'>, lastSequence: number): EventHub {
  const listeners = new Set<(event: FlotillaEvent) => void>();
  let told = lastSequence;
  let isReading = false;
  /** Something was committed after the page that is being read. */
  let isBehind = false;

  function tellAll(event: FlotillaEvent): void {
    told = event.sequence;
    for (const listener of listeners) {
      try {
        listener(event);
      } catch (error) {
        // The event is committed; a listener that stumbles must not keep it from the others.
        log.error('A listener of events failed.', { error, event: event.name });
      }
    }
  }

  async function catchUp(): Promise<void> {
    isBehind = true;
    if (isReading) return;
    isReading = true;
    try {
      while (isBehind) {
        isBehind = false;
        const { page, last } = await store.read(async (tx) => {
          return { page: await tx.events.allAfter(told, pageSize), last: await tx.events.lastSequence() };
        });
        for (const event of page) if (event.sequence > told) tellAll(event);
        // The database was put back to an older one: what comes from now on has numbers that were told before.
        if (last < told) told = last;
        if (page.length === pageSize) isBehind = true;
      }
    } finally {
      isReading = false;
    }
  }

  return {
    publish(events) {
      const first = events[0];
      if (first === undefined) return;
      bus.publish({ kind: 'events' });
      // Between these and the last one that was told lie events of other replicas.
      if (first.sequence !== told + 1 || isReading) void catchUp().catch(() => {});
      else for (const event of events) tellAll(event);
    },
    catchUp,
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** Writes events in the transaction that made them true; listeners hear of them after its commit. */
export async function recordEvents(parts: Parts, tx: Transaction, events: NewEvent[]): Promise<void> {
  const numbered = await tx.events.append(events);
  tx.afterCommit(() => parts.events.publish(numbered));
}

/** An event of a download. `data` always tells where the download stands, so that a row on a screen can follow. */
export function downloadEvent(
  parts: Parts,
  download: StoredDownload,
  name: EventName,
  message: string,
  data: Record<string, unknown> = {},
): NewEvent {
  const { id, ownerId, state, phase, reason, attempt } = download;
  const place = { state, phase, reason, attempt };
  return { name, atMs: parts.clock.now(), downloadId: id, ownerId, message, data: { ...place, ...data } };
}

/** An event that concerns everybody. */
export function systemEvent(parts: Parts, name: EventName, message: string, data: Record<string, unknown> = {}): NewEvent {
  return { name, atMs: parts.clock.now(), downloadId: null, ownerId: null, message, data };
}

/** Events after `sequence` in order; null when some are gone, or when the sequence is of another database. */
export function eventsAfter(parts: Parts, ownerId: string, sequence: number, limit: number): Promise<FlotillaEvent[] | null> {
  return parts.store.read(async (tx) => {
    if (sequence < (await tx.events.prunedSequence()) || sequence > (await tx.events.lastSequence())) return null;
    return tx.events.after(ownerId, sequence, limit);
  });
}
