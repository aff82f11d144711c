/** Shared by all tabs of one browser: holds the one stream and hands every message to each of them. */
import { openSource, type Stream, type StreamMessage } from './source.ts';

const ports = new Set<MessagePort>();
let stream: Stream | null = null;
let isOpen = false;

addEventListener('connect', (event) => {
  const port = (event as MessageEvent).ports[0];
  if (port === undefined) return;
  port.onmessage = ({ data }) => (data === 'bye' ? leave(port) : enter(port));
  port.start();
});

function enter(port: MessagePort) {
  ports.add(port);
  stream ??= openSource(tellAll);
  // A tab that comes later must not wait for an opening that has been.
  if (isOpen) port.postMessage({ kind: 'open' } satisfies StreamMessage);
}

function leave(port: MessagePort) {
  ports.delete(port);
  if (ports.size > 0) return;
  stream?.close();
  stream = null;
  isOpen = false;
}

function tellAll(message: StreamMessage) {
  if (message.kind === 'open') isOpen = true;
  if (message.kind === 'lost') isOpen = false;
  for (const port of ports) port.postMessage(message);
}
