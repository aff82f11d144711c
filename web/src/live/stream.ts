/** The live stream: one connection for all tabs of the browser where that is possible, one for this tab where it is not. */
import { eventNames } from '#core/event.ts';

export type StreamMessage =
  | { kind: 'open' }
  | { kind: 'lost' }
  | { kind: 'event'; name: string; data: string }
  | { kind: 'progress'; data: string }
  | { kind: 'reset' };

export type Stream = { close(): void };

const path = '/api/v1/events';

/** Opens the stream in this very thread. It opens itself again after a fault, from the last event it saw. */
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
      // The browser tries again by itself, except after an answer it dislikes (502 of a proxy, 401): then we do.
      if (source?.readyState !== EventSource.CLOSED) return;
      timer = setTimeout(connect, waitMs);
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

/**
 * Opens the stream, shared between tabs. A browser allows six connections to an HTTP/1.1 server, so with one stream a tab
 * the seventh tab would hang for ever.
 */
export function openStream(onMessage: (message: StreamMessage) => void): Stream {
  const worker = startWorker();
  if (worker === null) return openSource(onMessage);
  const { port } = worker;
  port.onmessage = ({ data }: MessageEvent<StreamMessage>) => onMessage(data);
  port.start();
  port.postMessage('hello');
  // A page that leaves says so; one kept in the back-forward cache says hello again when it returns.
  const leave = () => port.postMessage('bye');
  const enter = (event: PageTransitionEvent) => {
    if (event.persisted) port.postMessage('hello');
  };
  addEventListener('pagehide', leave);
  addEventListener('pageshow', enter);
  return {
    close() {
      leave();
      port.close();
      removeEventListener('pagehide', leave);
      removeEventListener('pageshow', enter);
    },
  };
}

function startWorker(): SharedWorker | null {
  if (!('SharedWorker' in globalThis)) return null;
  try {
    const link = new URL('./stream.worker.ts', import.meta.url);
    return new SharedWorker(trusted(link), { type: 'module', name: 'flotilla' });
  } catch {
    return null;
  }
}

type TrustedTypes = {
  createPolicy(name: string, rules: { createScriptURL(link: string): string }): { createScriptURL(link: string): string };
};

/** The page's policy asks for trusted types; the only script link ever made is this one, of our own origin. */
function trusted(link: URL): string {
  const { trustedTypes } = globalThis as { trustedTypes?: TrustedTypes };
  if (link.origin !== location.origin) throw new Error('a worker comes from our own origin');
  if (trustedTypes === undefined) return link.href;
  return trustedTypes.createPolicy('flotilla-worker', { createScriptURL: (text) => text }).createScriptURL(link.href);
}
