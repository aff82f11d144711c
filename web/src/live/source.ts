import { eventNames } from '#core/event.ts';

export type StreamMessage =
  /** From here on everything is told. `isResumed`: and so is what happened since the stream was lost. */
  | { kind: 'open'; isResumed: boolean }
  | { kind: 'lost' }
  | { kind: 'event'; name: string; data: string }
  | { kind: 'progress'; data: string }
  | { kind: 'reset' };

/** What a tab tells the worker that holds the stream for all of them. */
export type TabMessage =
  | { kind: 'hello'; inSight: readonly string[] | null }
  | { kind: 'see'; downloadIds: readonly string[] }
  | { kind: 'bye' };

export type Stream = {
  /** Progress comes for these alone; before it was said, for those that changed last. */
  see(downloadIds: readonly string[]): void;
  close(): void;
};

const root = '/api/v1';
/** The server takes no more. */
export const mostInSight = 500;
/** Somebody who scrolls sees something new all the time. */
const sayMs = 150;

/** Opens the live stream in this very thread. It opens itself again after a fault, from the last event it saw. */
export function openSource(onMessage: (message: StreamMessage) => void): Stream {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = 1000;
  let streamId: string | null = null;
  let inSight: readonly string[] | null = null;
  let saying: ReturnType<typeof setTimeout> | undefined;

  const say = () => {
    saying = undefined;
    if (streamId === null || inSight === null) return;
    const body = JSON.stringify({ downloadIds: inSight.slice(0, mostInSight) });
    const headers = { 'content-type': 'application/json' };
    // When it does not arrive the rows stand still until the next scroll or reconnect; the events come all the same.
    fetch(`${root}/streams/${streamId}/view`, { method: 'PUT', headers, body }).catch(() => {});
  };

  const connect = () => {
    let isResumed = false;
    source = new EventSource(`${root}/events`);
    source.onerror = () => {
      onMessage({ kind: 'lost' });
      // The browser tries again by itself, except after an answer it dislikes (502 of a proxy, 401): then we do. A new
      // source does not know the last event, so what was missed is read from the list.
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(() => {
        connect();
        onMessage({ kind: 'reset' });
      }, waitMs);
      waitMs = Math.min(waitMs * 2, 30_000);
    };
    for (const name of eventNames) {
      source.addEventListener(name, ({ data }) => onMessage({ kind: 'event', name, data }));
    }
    source.addEventListener('progress', ({ data }) => onMessage({ kind: 'progress', data }));
    source.addEventListener('hello', ({ data }) => {
      waitMs = 1000;
      streamId = JSON.parse(data).streamId;
      say();
      onMessage({ kind: 'open', isResumed });
      isResumed = true;
    });
    source.addEventListener('reset', () => onMessage({ kind: 'reset' }));
  };
  connect();

  return {
    see(downloadIds) {
      inSight = downloadIds;
      saying ??= setTimeout(say, sayMs);
    },
    close() {
      clearTimeout(timer);
      clearTimeout(saying);
      source?.close();
    },
  };
}
