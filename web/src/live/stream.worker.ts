/** Shared by all tabs of one browser: holds the one stream and hands every message to each of them. */
import { mostInSight, openSource, type Stream, type StreamMessage, type TabMessage } from './source.ts';

/** With what is in sight of each tab; null while it has not said so. */
const ports = new Map<MessagePort, readonly string[] | null>();
let stream: Stream | null = null;
let isOpen = false;

addEventListener('connect', (event) => {
  const port = (event as MessageEvent).ports[0];
  if (port === undefined) return;
  port.onmessage = ({ data }: MessageEvent<TabMessage>) => {
    if (data.kind === 'bye') return leave(port);
    const inSight = data.kind === 'hello' ? data.inSight : data.downloadIds;
    if (data.kind === 'hello') enter(port);
    ports.set(port, inSight);
    if (inSight !== null) seeAll();
  };
  port.start();
});

function enter(port: MessagePort) {
  ports.set(port, null);
  stream ??= openSource(tellAll);
  // A tab that comes later, or back, must not wait for an opening that has been.
  if (isOpen) port.postMessage({ kind: 'open', isResumed: false } satisfies StreamMessage);
}

/** Of each tab alike when there is too much in sight of all together. */
function seeAll() {
  const views = [...ports.values()].filter((ids) => ids !== null);
  const each = Math.floor(mostInSight / Math.max(1, views.length));
  stream?.see([...new Set(views.flatMap((ids) => ids.slice(0, each)))]);
}

function leave(port: MessagePort) {
  ports.delete(port);
  if (ports.size > 0) return seeAll();
  stream?.close();
  stream = null;
  isOpen = false;
}

function tellAll(message: StreamMessage) {
  if (message.kind === 'open') isOpen = true;
  if (message.kind === 'lost') isOpen = false;
  for (const port of ports.keys()) port.postMessage(message);
}
