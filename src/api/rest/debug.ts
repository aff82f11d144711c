import { Readable } from 'node:stream';
import type { FastifyReply } from 'fastify';
import type { Desk, Handlers } from '../handlers.ts';
import { Problem } from '../problem.ts';

/** Looks inside the process, for admins, one at a time: each of them costs the others time or memory. */
export function debugHandlers({ profiler, log }: Desk): Handlers<'profileCpu' | 'snapshotHeap'> {
  let isBusy = false;

  async function alone<T>(what: string, about: Record<string, unknown>, run: () => Promise<T>): Promise<T> {
    if (isBusy) {
      throw new Problem(409, 'busy', 'Another profile is being made. Wait until it is done.', {
        headers: { 'retry-after': '30' },
      });
    }
    isBusy = true;
    try {
      log.warn(`An admin asks for a ${what} of this process.`, about);
      return await run();
    } finally {
      isBusy = false;
    }
  }

  return {
    profileCpu({ body: { seconds = 10 } }, { actor, request, reply }) {
      const about = { requestId: request.id, userId: actor.userId, seconds };
      return alone('profile', about, async () => {
        const profile = await profiler.cpu(seconds, hangUpOf(reply));
        await attach(reply, 'cpuprofile').send(profile);
      });
    },
    snapshotHeap(_, { actor, request, reply }) {
      return alone('heap snapshot', { requestId: request.id, userId: actor.userId }, async () => {
        const ended = new Promise<void>((resolve) => reply.raw.once('close', resolve));
        void attach(reply, 'heapsnapshot').send(Readable.from(profiler.heap()));
        // The next one waits until this one has left.
        await ended;
      });
    },
  };
}

function attach(reply: FastifyReply, kind: string): FastifyReply {
  const headers = { 'content-type': 'application/json', 'content-disposition': `attachment; filename="flotilla.${kind}"` };
  return reply.headers(headers);
}

function hangUpOf(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new Error('the asker hung up')));
  return gone.signal;
}
