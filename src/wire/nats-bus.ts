/**
 * The bus over NATS (https://docs.nats.io/nats-concepts/core-nats), for those who have one: any number of replicas, and
 * nothing of it goes through the database. Whatever is lost is found by the regular round, so nothing here waits or fails.
 */
import { once } from 'node:events';
import { connect as openSocket } from 'node:net';
import type { ConnectionOptions, NatsConnection } from '@nats-io/transport-node';
import type { BusMessage } from '#core/bus.ts';
import { readMessages, writeMessages } from '#core/bus-text.ts';
import type { Clock } from '#core/clock.ts';
import { createLineBus, type Line, type LineBus } from '#core/line-bus.ts';
import type { Logger } from '#core/log.ts';

/** A server that is there answers in a fraction of it. */
const patienceMs = 3000;
const askEveryMs = 10_000;

type NatsBusOptions = {
  /** As `isNatsLink` takes it. */
  link: string;
  /** Replicas hear each other when they have the same: what names their database. Letters, digits and dashes. */
  name: string;
  clock: Clock;
  log: Logger;
};

/** Such as `nats://name:password@host:4222`, `nats://token@host`, or with `tls:` for a server that must speak TLS. */
export function isNatsLink(text: string): boolean {
  const url = URL.parse(text);
  if (url === null || !/^(nats|tls):$/.test(url.protocol) || url.hostname === '') return false;
  try {
    // Nothing behind the port has a meaning, and a login with a stray % none either.
    return /^\/?$/.test(url.pathname + url.search + url.hash) && decodeURIComponent(url.username + url.password) !== null;
  } catch {
    return false;
  }
}

/** Connects by itself, now and whenever the connection breaks, for ever. A server that is away is told of in the log, once. */
export function openNatsBus({ link, name, clock, log }: NatsBusOptions): LineBus {
  const server = serverOf(link);
  const subject = `flotilla.${name}`;
  let trouble: string | null = null;
  return createLineBus({
    clock,
    open: (hear, signal) => {
      const tell = (message: BusMessage) => {
        try {
          hear(message);
        } catch (error) {
          // Anybody who may enter that NATS may have written it, and the client of NATS reads no more after an exception.
          log.error(`A message of the bus could not be used: ${message.kind}.`, { error });
        }
      };
      return openLine(server, subject, signal, (text) => readMessages(text)?.forEach(tell));
    },
    onOpen() {
      if (trouble !== null) log.info(`NATS at ${server.shown} is there.`);
      trouble = null;
    },
    onEnd(why) {
      const reason = reasonOf(why);
      if (reason !== trouble) log.warn(sentenceOf(server.shown, reason));
      trouble = reason;
    },
  });
}

/** Throws when it cannot be had now. */
async function openLine(server: Server, subject: string, signal: AbortSignal, hear: (text: string) => void): Promise<Line> {
  await knock(server, signal);
  // Only who has a NATS pays for its client.
  const { connect } = await import('@nats-io/transport-node');
  const connection = await connect(server.options);
  const ended = Promise.withResolvers<string>();
  let reason: string | null = null;
  const end = (error: unknown) => {
    reason ??= reasonOf(error);
    ended.resolve(reason);
    void connection.close();
  };
  // The client forgets them when a connection ends.
  const waiting: Waiting = new Set();
  void connection.closed().then((error) => {
    const why = error ?? new Error('the connection was closed');
    for (const reject of waiting) reject(why);
    end(why);
  });
  // Such as a subject that this login may not hear or speak on, which ends no connection.
  const watchErrors = async () => {
    for await (const status of connection.status()) if (status.type === 'error') end(status.error);
  };
  void watchErrors();
  connection.subscribe(subject, { callback: (error, message) => (error === null ? hear(message.string()) : end(error)) });
  const asking = setInterval(() => answer(connection, waiting).catch(end), askEveryMs);
  const closed = ended.promise.finally(() => clearInterval(asking));
  await answer(connection, waiting).catch(end);
  if (reason !== null) throw new Error(reason);
  return {
    async send(messages) {
      try {
        const mostBytes = connection.info?.max_payload ?? 0;
        for (const text of textsOf(messages, mostBytes)) connection.publish(subject, text);
        // One after the other, so that what a slow server does not take waits where it is bounded.
        await answer(connection, waiting);
      } catch (error) {
        end(error);
      }
    },
    close: () => end(new Error('it was closed')),
    closed,
  };
}

/**
 * Resolves when a server speaks, which one of NATS does first of all. The client of NATS never lets go of a socket to one
 * that stays silent, and cannot be told to stop trying.
 */
async function knock({ host, port }: Server, signal: AbortSignal): Promise<void> {
  const socket = openSocket({ host, port });
  try {
    await once(socket, 'data', { signal: AbortSignal.any([signal, AbortSignal.timeout(patienceMs)]) });
  } finally {
    socket.destroy();
  }
}

/** Ends those who wait for an answer on one connection. */
type Waiting = Set<(reason: Error) => void>;

/** Resolves when the server had everything that was sent before; throws when it does not say so. */
async function answer(connection: NatsConnection, waiting: Waiting): Promise<void> {
  const { promise: failed, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(noAnswer)), patienceMs);
  waiting.add(reject);
  try {
    await Promise.race([connection.flush(), failed]);
  } finally {
    waiting.delete(reject);
    clearTimeout(timer);
  }
}

/** Each of them is whole for itself. Only a single message that is too long for this server is not sent. */
function textsOf(messages: BusMessage[], mostBytes: number): string[] {
  const text = writeMessages(messages);
  // It is ASCII, so that characters are bytes.
  if (text.length <= mostBytes) return [text];
  const [first] = messages;
  if (messages.length > 1) return halvesOf(messages).flatMap((half) => textsOf(half, mostBytes));
  if (first?.kind !== 'progress' || first.items.length < 2) return [];
  return halvesOf(first.items).flatMap((items) => textsOf([{ kind: 'progress', items }], mostBytes));
}

function halvesOf<Item>(items: Item[]): Item[][] {
  const middle = Math.ceil(items.length / 2);
  return [items.slice(0, middle), items.slice(middle)];
}

type Server = {
  host: string;
  port: number;
  /** Without any login: the name alone may be a token. */
  shown: string;
  options: ConnectionOptions;
};

function serverOf(link: string): Server {
  const url = new URL(link);
  const port = Number(url.port || 4222);
  const [name, password] = [decodeURIComponent(url.username), decodeURIComponent(url.password)];
  // https://docs.nats.io/using-nats/developer/connecting/token: a name without a password is a token.
  const login = password === '' ? name !== '' && { token: name } : { user: name, pass: password };
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port,
    shown: `${url.protocol}//${url.hostname}:${port}`,
    options: {
      servers: `${url.hostname}:${port}`,
      ...login,
      // With these options a server without TLS is refused before it is told the login.
      ...(url.protocol === 'tls:' && { tls: {} }),
      name: 'flotilla',
      noEcho: true,
      reconnect: false,
      ignoreClusterUpdates: true,
      timeout: patienceMs,
    },
  };
}

const noAnswer = 'it does not answer';

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === 'AbortError') return noAnswer;
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

function sentenceOf(shown: string, reason: string): string {
  const meanwhile = 'Until then replicas hear of each other a second later and do not see progress of each other.';
  return `NATS at ${shown} cannot be used (${reason}); it is tried again until it can. ${meanwhile} Check --bus if it stays so.`;
}
