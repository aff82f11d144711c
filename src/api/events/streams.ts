/**
 * Server-sent events: what happened, once each and in order, wherever the reader left off; between them live progress of the
 * rows in sight.
 */
import { randomUUID } from 'node:crypto';
import type { z } from 'zod';
import type { Control } from '#control/control.ts';
import type { Users } from '#control/users.ts';
import type { Clock, Timer } from '#core/clock.ts';
import type { FlotillaEvent } from '#core/event.ts';
import { event as eventShape, type hello } from '../contract/shapes.ts';
import type { Call } from '../handlers.ts';
import { Problem } from '../problem.ts';
import { createProgressFeed, type Viewer } from './progress.ts';
import { formatFrame, openSse, type SseStream } from './sse.ts';

const heartbeatMs = 15_000;
const pageSize = 500;
/** Windows, phones and scripts of one user together. */
const maxStreamsOfOwner = 100;

export type EventStreams = {
  /** Answers the call with a stream; null begins with what happens from now on. Resolves when the reader is up to date. */
  open(call: Call, lastEventId: number | null): Promise<void>;
  /** What is in sight of the reader of that stream. false: this user has no such stream. */
  see(ownerId: string, streamId: string, downloadIds: string[]): boolean;
  /** How many readers there are. */
  count(): number;
  close(): void;
};

type Parts = { control: Control; users: Users; clock: Clock; onError: (error: unknown) => void };

/** One reader. `isBehind`: something happened that was not written yet, the store knows it. */
type Reader = Viewer & {
  id: string;
  stream: SseStream;
  ownerId: string;
  credentialId: string | null;
  lastSequence: number;
  isLive: boolean;
  isBehind: boolean;
};

export function createEventStreams({ control, users, clock, onError }: Parts): EventStreams {
  const readers = new Set<Reader>();
  let isClosed = false;
  const progress = createProgressFeed(control, clock, onError);

  const stopListening = control.onEvent((event) => {
    progress.outdate(event.ownerId);
    for (const reader of readers) tell(reader, event);
  });

  function tell(reader: Reader, event: FlotillaEvent): void {
    if (event.ownerId !== null && event.ownerId !== reader.ownerId) return;
    if (!reader.isLive) reader.isBehind = true;
    else if (!reader.stream.isBusy) write(reader, event);
    // Ten thousand things at once are more than is queued for anybody, and no reason to send a reader away.
    else catchUp(reader).catch((error) => leave(reader, error));
  }

  /** The answer has begun: all that is left to say is goodbye. The reader comes back by itself. */
  function leave(reader: Reader, error: unknown): void {
    onError(error);
    reader.stream.end();
  }

  const stopRevoking = users.onRevoked((credentialId) => {
    for (const reader of readers) if (reader.credentialId === credentialId) reader.stream.end();
  });

  const stopViews = control.onView(({ ownerId, streamId, downloadIds }) => void seeHere(ownerId, streamId, downloadIds));

  function seeHere(ownerId: string, streamId: string, downloadIds: string[]): boolean {
    const reader = [...readers].find(({ id }) => id === streamId);
    if (reader?.ownerId !== ownerId) return false;
    reader.inSight = new Set(downloadIds);
    return true;
  }

  /** From the store, as fast as it is read. */
  async function catchUp(reader: Reader): Promise<void> {
    reader.isLive = false;
    do {
      reader.isBehind = false;
      const page = await control.eventsAfter(reader.ownerId, reader.lastSequence, pageSize);
      if (page === null) reset(reader, await control.lastSequence());
      for (const event of page ?? []) {
        write(reader, event);
        // A page may be larger than what is queued for one reader, who would then be cut off at every reconnect.
        await reader.stream.drained();
      }
      if (page === null || page.length === pageSize) reader.isBehind = true;
      // Ends only in a turn in which nothing happened since the question: from here on `tell` writes by itself.
    } while (reader.isBehind && reader.stream.isOpen);
    reader.isLive = true;
  }

  return {
    count: () => readers.size,
    async open({ actor, ownerId, reply }, lastEventId) {
      if (isClosed) throw new Problem(503, 'shutting_down', 'This server is shutting down. Try again in a moment.');
      const count = [...readers].filter((reader) => reader.ownerId === ownerId).length;
      if (count >= maxStreamsOfOwner) {
        throw new Problem(429, 'too_many_streams', 'Too many event streams are open already. Close some of them.');
      }
      // Gone while the database was asked who it is: its end was told already, so nobody would ever count it out.
      if (reply.raw.destroyed) return;
      let beat: Timer | null = null;
      let stopProgress = () => {};
      const stream = openSse(reply, () => {
        readers.delete(reader);
        stopProgress();
        beat?.cancel();
      });
      const { credentialId } = actor;
      const reader: Reader = {
        id: randomUUID(),
        stream,
        ownerId,
        credentialId,
        lastSequence: 0,
        isLive: false,
        isBehind: false,
        inSight: null,
        // The next frame says all that this one does, so a reader that is behind gets the latest and not all of them.
        write: (frame) => stream.writeIfIdle(frame),
      };
      // Listening begins before the first question, so that nothing falls between question and answer.
      readers.add(reader);
      const keepAlive = () => {
        beat = clock.setTimer(heartbeatMs, () => {
          stream.beat();
          // Sessions also end by themselves, and may be ended by another server.
          users.isCurrent(actor).then((isCurrent) => (isCurrent ? undefined : stream.end()), onError);
          if (stream.isOpen) keepAlive();
        });
      };
      keepAlive();
      try {
        // First, so that whoever was greeted misses nothing from then on, also when the connection is lost before anything happens.
        const latest = await control.lastSequence();
        const data = { streamId: reader.id } satisfies z.input<typeof hello>;
        stream.write(formatFrame({ ...(lastEventId === null && { id: latest }), event: 'hello', data }));
        reader.lastSequence = lastEventId ?? latest;
        // A number from the future: the database was put back to an older one, so the reader knows things that never were.
        if (reader.lastSequence > latest) reset(reader, latest);
        await catchUp(reader);
        if (stream.isOpen) stopProgress = progress.watch(ownerId, reader);
      } catch (error) {
        leave(reader, error);
      }
    },
    // The stream may be at another replica, which then knows whose it is.
    see: (ownerId, streamId, downloadIds) =>
      seeHere(ownerId, streamId, downloadIds) || control.passView({ streamId, ownerId, downloadIds }),
    close() {
      isClosed = true;
      stopListening();
      stopViews();
      stopRevoking();
      progress.close();
      for (const reader of readers) reader.stream.end();
    },
  };
}

function write(reader: Reader, event: FlotillaEvent): void {
  // A page may have held what is told only now.
  if (event.sequence <= reader.lastSequence) return;
  reader.lastSequence = event.sequence;
  reader.stream.write(formatFrame({ id: event.sequence, event: event.name, data: eventShape.parse(event) }));
}

/** The id goes along, else the reader would ask for the lost events again at every reconnect. */
function reset(reader: Reader, sequence: number): void {
  reader.lastSequence = sequence;
  reader.stream.write(formatFrame({ id: sequence, event: 'reset', data: { sequence } }));
}
