/** The live stream: one connection for all tabs of the browser where that is possible, one for this tab where it is not. */
import { openSource, type Stream, type StreamMessage, type TabMessage } from './source.ts';
import workerLink from './stream.worker.ts?sharedworker&url';

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
  let inSight: readonly string[] | null = null;
  const say = (message: TabMessage) => port.postMessage(message);
  const enter = () => say({ kind: 'hello', inSight });
  enter();
  // A page that leaves says so; one kept in the back-forward cache says hello again when it returns.
  const leave = () => say({ kind: 'bye' });
  const comeBack = (event: PageTransitionEvent) => {
    if (event.persisted) enter();
  };
  addEventListener('pagehide', leave);
  addEventListener('pageshow', comeBack);
  return {
    see(downloadIds) {
      inSight = downloadIds;
      say({ kind: 'see', downloadIds });
    },
    close() {
      leave();
      port.close();
      removeEventListener('pagehide', leave);
      removeEventListener('pageshow', comeBack);
    },
  };
}

function startWorker(): SharedWorker | null {
  if (!('SharedWorker' in globalThis)) return null;
  try {
    return new SharedWorker(trusted(new URL(workerLink, location.href)), { type: 'module', name: 'flotilla' });
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
