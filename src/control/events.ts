import type { EventName, FlotillaEvent } from '#core/event.ts';
import type { NewEvent, StoredDownload, Transaction } from '#core/store.ts';
import type { Log, Parts } from './parts.ts';

/** Tells listeners in this process; whoever was away reads the outbox. */
export type EventHub = {
  publish(events: FlotillaEvent[]): void;
  listen(listener: (event: FlotillaEvent) => void): () => void;
};

export function createEventHub(log: Log): EventHub {
  const listeners = new Set<(event: FlotillaEvent) => void>();

  function tell(listener: (event: FlotillaEvent) => void, event: FlotillaEvent): void {
    try {
      listener(event);
    } catch (error) {
      // The event is committed; a listener that stumbles must not keep it from the others.
      log('a listener of events failed', { error: String(error), event: event.name });
    }
  }

  return {
    publish(events) {
      for (const event of events) for (const listener of listeners) tell(listener, event);
    },
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
