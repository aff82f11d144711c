/** Lists of small files: each connection asks for several ahead, and each answer is taken in one piece. */
import type { RequestOptions } from '#core/request.ts';
import type { SmallFiles, SourceContext } from '#core/source.ts';
import { factsOf } from './http-facts.ts';
import type { HttpHead } from './http-head.ts';
import { baseHeaders, withGiven } from './http-headers.ts';
import { Http1Pipeline } from './http1-pipeline.ts';
import { createWay } from './way.ts';

/** Requests on their way at once, at most; a connection comes to trust its server by and by. */
const mostAhead = 64;
/** So many links in a row that were not small files: this is no list of small files. */
const mostUnusual = 3;

/**
 * Asks over one connection, and over another one when the server closes it, until there are no more links. True: all were taken
 * or left. False: this server is better asked in the ordinary way; links that `next` gave were taken or left.
 */
export async function fetchSmall<T extends { link: URL }>(
  context: SourceContext,
  origin: URL,
  request: RequestOptions,
  list: SmallFiles<T>,
  signal: AbortSignal,
): Promise<boolean> {
  // A login and cookies may change with every answer, and proxies want to be asked in ways of their own.
  if (request.user !== undefined || request.cookies !== undefined || request.proxy !== undefined) return false;
  const way = createWay(context.egress, origin, request);
  const bearer: [string, string][] = request.bearer === undefined ? [] : [['Authorization', `Bearer ${request.bearer}`]];
  const headers = withGiven([...baseHeaders(request), ...bearer], request.headers ?? []);
  let again: T[] = [];
  let ahead = 1;
  let mostNow = mostAhead;
  let unusualInARow = 0;

  const next = (): T | null => again.pop() ?? list.next();

  /** One connection. Resolves when it is over; true when it answered anything. */
  async function overOneConnection(): Promise<boolean> {
    const open: T[] = [];
    let answers = 0;
    let isAtEnd = false;
    let heardMs = context.clock.mono();
    let end: () => void = () => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });

    function fill(): void {
      while (open.length < ahead && !isAtEnd) {
        const item = next();
        if (item === null) isAtEnd = true;
        else if (item.link.username !== '' || item.link.password !== '') list.leave(item);
        else {
          open.push(item);
          pipeline.ask({ host: item.link.host, path: item.link.pathname + item.link.search, headers });
        }
      }
      pipeline.send();
      if (open.length === 0) pipeline.close();
    }

    const pipeline = await Http1Pipeline.open(
      way.toServer,
      {
        host: origin.hostname,
        port: Number(origin.port) || (origin.protocol === 'https:' ? 443 : 80),
        tls: origin.protocol === 'https:',
        signal,
        timeoutMs: context.connectTimeoutMs,
      },
      {
        answered(head, body) {
          answers++;
          heardMs = context.clock.mono();
          const item = open.shift() as T;
          const wish = head.status === 200 ? take(item, head, body) : leave(item, head);
          if (unusualInARow >= mostUnusual) pipeline.close();
          // What comes next is asked for when half of what was asked for is there: few writes, and never an idle server.
          else if (open.length <= ahead / 2) fill();
          return wish;
        },
        unusual(head) {
          answers++;
          leave(open.shift() as T, head);
        },
        ended: end,
      },
    );
    const stop = () => pipeline.close();
    signal.addEventListener('abort', stop, { once: true });
    const watch = watchSilence();
    fill();
    await ended;
    watch.cancel();
    signal.removeEventListener('abort', stop);
    if (open.length > 0) {
      // It closed before it had answered all: such servers are asked for less and less ahead, and at last for one at a time.
      mostNow = Math.max(1, Math.floor(mostNow / 4));
      ahead = 1;
    }
    again.push(...open.reverse());
    if (pipeline.defect !== null) throw pipeline.defect;
    return answers > 0;

    function watchSilence(): { cancel(): void } {
      let timer = context.clock.setTimer(1000, check);
      function check(): void {
        if (context.clock.mono() - heardMs > context.connectTimeoutMs) pipeline.close();
        timer = context.clock.setTimer(1000, check);
      }
      return { cancel: () => timer.cancel() };
    }
  }

  function take(item: T, head: HttpHead, body: Uint8Array): void | Promise<void> {
    unusualInARow = 0;
    ahead = Math.min(mostNow, ahead * 2);
    return list.take(item, factsOf(item.link, head, body.length, false), body);
  }

  /** The ordinary way finds out what it is about. */
  function leave(item: T, { status }: HttpHead): void {
    ahead = 1;
    unusualInARow += status === 429 || status === 503 ? mostUnusual : 1;
    list.leave(item);
  }

  try {
    for (;;) {
      const isGood = await overOneConnection();
      signal.throwIfAborted();
      if (unusualInARow >= mostUnusual || !isGood) return again.length === 0 && isGood && unusualInARow < mostUnusual;
      if (again.length === 0) {
        const item = list.next();
        if (item === null) return true;
        again = [item];
      }
    }
  } finally {
    for (const item of again) list.leave(item);
  }
}
