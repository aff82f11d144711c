import { eventNames } from '#core/event.ts';

export type StreamMessage =
  | { kind: 'open' }
  | { kind: 'lost' }
  | { kind: 'event'; name: string; data: string }
  | { kind: 'progress'; data: string }
  | { kind: 'reset' };

export type Stream = { close(): void };

const path = '/api/v1/events';

/** Opens the live stream in this very thread. It opens itself again after a fault, from the last event it saw. */
export function openSource(onMessage: (message: StreamMessage) => void): Stream {
  let source: EventSource | undefined;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let waitMs = 1000;

  const connect = () => {
    source = new EventSource(path);
    source.onopen = () => {
      waitMs = 1000;
      onMessage({ kind: 'open' });
    };
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
    source.addEventListener('reset', () => onMessage({ kind: 'reset' }));
  };
  connect();

  return {
    close() {
      clearTimeout(timer);
      source?.close();
    },
  };
}
