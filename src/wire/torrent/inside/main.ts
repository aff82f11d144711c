/** The child process of the torrent engine. It lives as long as the channel to its worker, and says every second that it does. */
import './stand-ins.ts';
import { createServer } from 'node:net';
import { FlotillaError } from '#core/errors.ts';
import { beatMs, type Command, type EngineBeginning, type Saying } from '../words.ts';
import { guardNetwork } from './guard.ts';
import { askForMetadata } from './metadata.ts';
import { type Engine, Swarm } from './swarm.ts';

const swarms = new Map<number, Swarm>();
const questions = new Map<number, () => void>();
let engine: Promise<Engine> | null = null;

process.on('disconnect', () => process.exit(0));
// Whoever ends everything with one signal means the worker too, which then tells us.
process.on('SIGINT', () => {});
process.on('SIGTERM', () => {});

process.on('message', (command: Command) => {
  obey(command).catch((error: unknown) => {
    if ('id' in command) say(failure(command.id, error));
    else throw error;
  });
});

setInterval(() => {
  const states = Array.from(swarms, ([id, swarm]) => [id, swarm.state()] as [number, ReturnType<Swarm['state']>]);
  say({ say: 'beat', memoryBytes: process.memoryUsage.rss(), states });
}, beatMs);

async function obey(command: Command): Promise<void> {
  if (command.do === 'begin') {
    engine = start(command);
    await engine;
  } else if (command.do === 'limit') swarms.get(command.id)?.limit(command.bytesPerSecond);
  else if (command.do === 'remove') await remove(command.id);
  else if (command.do === 'metadata') await ask(command);
  else await fetchTorrent(command);
}

async function start({
  port,
  dht,
  pex,
  encryption,
  mostPeers,
  uploadBytesPerSecond,
  netAllow,
}: EngineBeginning): Promise<Engine> {
  const guard = guardNetwork(netAllow);
  const { default: Client } = await import('webtorrent');
  const client = new Client({
    torrentPort: await freePort(port),
    dht,
    utPex: pex,
    secure: { off: 0, allow: 1, prefer: 1, require: 2 }[encryption],
    maxConns: mostPeers,
    uploadLimit: uploadBytesPerSecond ?? -1,
    // It would announce private torrents too.
    lsd: false,
    natUpnp: false,
    natPmp: false,
    utp: false,
    // Asked by our own code.
    webSeeds: false,
    tracker: { wrtc: false },
  });
  client.on('error', (error) => {
    throw error;
  });
  client._connPool?.tcpServer.prependListener('connection', (socket) => {
    if (!guard.isOpen(socket.remoteAddress ?? '', 0)) socket.destroy();
  });
  const firstTry = { off: null, allow: 'plain', prefer: 'encrypted', require: null } as const;
  return { client, rules: { guard, firstTry: firstTry[encryption], isEncryptedOnly: encryption === 'require', mostPeers } };
}

/** The wished port when nobody has it; else 0. */
function freePort(port: number): Promise<number> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once('error', () => resolve(0));
    probe.listen(port, () => probe.close(() => resolve(port)));
  });
}

async function ready(): Promise<Engine> {
  if (engine === null) throw new Error('nobody told the engine to begin');
  return engine;
}

async function fetchTorrent({ id, order, limitBytesPerSecond }: Extract<Command, { do: 'fetch' }>): Promise<void> {
  const swarm = new Swarm(order, limitBytesPerSecond, {
    fetched: () => end(id, { say: 'fetched', id }),
    failed: (error) => end(id, failure(id, error)),
    debug: (line) => say({ say: 'debug', id, line }),
  });
  // At once, so that it can be stopped while the library is still being loaded.
  swarms.set(id, swarm);
  try {
    await swarm.begin(ready());
  } catch (error) {
    swarms.delete(id);
    await swarm.remove();
    throw error;
  }
}

function end(id: number, word: Saying): void {
  const swarm = swarms.get(id);
  if (swarm === undefined) return;
  swarms.delete(id);
  say({ say: 'beat', memoryBytes: process.memoryUsage.rss(), states: [[id, swarm.state()]] });
  say(word);
}

async function ask({ id, wish }: Extract<Command, { do: 'metadata' }>): Promise<void> {
  questions.set(id, () => {});
  const { client, rules } = await ready();
  if (!questions.has(id)) return;
  const finish = (word: Saying) => {
    questions.get(id)?.();
    if (questions.delete(id)) say(word);
  };
  const found = (info: Uint8Array) => finish({ say: 'metadata', id, info });
  questions.set(
    id,
    askForMetadata(client, wish, rules, found, (error) => finish(failure(id, error))),
  );
}

async function remove(id: number): Promise<void> {
  questions.get(id)?.();
  questions.delete(id);
  const swarm = swarms.get(id);
  swarms.delete(id);
  await swarm?.remove();
  say({ say: 'removed', id });
}

function failure(id: number, error: unknown): Saying {
  if (error instanceof FlotillaError) return { say: 'failed', id, code: error.code, message: error.message };
  const { code, message } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return {
      say: 'failed',
      id,
      code: 'no_space',
      message: 'There is no room left for the torrent. Make some, then try again.',
    };
  }
  if (code === 'EACCES' || code === 'EROFS' || code === 'EPERM') {
    return { say: 'failed', id, code: 'not_writable', message: `The folder of the torrent cannot be written to (${code}).` };
  }
  return { say: 'failed', id, code: 'internal', message: `The torrent engine failed: ${message}.` };
}

function say(word: Saying): void {
  process.send?.(word, () => {});
}
