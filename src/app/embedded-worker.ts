/** The worker that lives in the process of the server, in a thread of its own. */
import { Worker as Thread } from 'node:worker_threads';
import { type Failure, FlotillaError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { ControlPlane } from '#core/protocol.ts';
import { answerCalls, type PortMessage } from './port-calls.ts';
import type { WorkerThreadData } from './worker-thread.ts';

type EmbeddedWorker = {
  /** Gives back what runs, with its bytes kept, and ends. */
  drain(): Promise<void>;
};

const restartMs = 1000;

/**
 * Starts working for the control plane, with scratch and identity in the data folder; resolves when it is registered. Rejects
 * with what is in its way.
 * A thread that dies of a defect is told of and started again; what it held is claimed anew.
 */
export async function startEmbeddedWorker(control: ControlPlane, data: WorkerThreadData, log: Logger): Promise<EmbeddedWorker> {
  let thread: Thread;
  let hasStarted = false;
  let isDraining = false;

  function start(): Promise<void> {
    thread = new Thread(new URL('./worker-thread.ts', import.meta.url), { workerData: data });
    answerCalls(thread, control);
    const started = told(thread, 'started');
    thread.on('message', (message: PortMessage) => {
      if ('line' in message) log[message.line](message.message, message.detail);
    });
    // Before that whoever started us is told.
    thread.on('error', (error: Error) => hasStarted && log.error('The worker stopped.', { error }));
    thread.once('exit', () => {
      if (hasStarted && !isDraining) setTimeout(() => void start().catch(() => {}), restartMs);
    });
    return started;
  }

  await start();
  hasStarted = true;
  return {
    async drain() {
      isDraining = true;
      const drained = told(thread, 'drained');
      thread.postMessage({ told: 'drain' } satisfies PortMessage);
      await drained;
    },
  };
}

/** Resolves when the thread says that word; rejects when it ends before. */
function told(thread: Thread, word: string): Promise<void> {
  return new Promise((resolve, reject) => {
    thread.on('message', (message: PortMessage) => {
      if ('told' in message && message.told === word) resolve();
    });
    thread.once('exit', () => reject(new Error('the worker ended')));
    thread.once('error', (error: Error) => reject(asThrown(error)));
  });
}

/** An error comes out of a thread as a copy, which has lost its class. */
function asThrown(error: Error & Partial<Failure>): Error {
  const { name, code, message, retry, retryAfterMs } = error;
  return name === 'FlotillaError' && code !== undefined
    ? new FlotillaError(code, message, { retry, retryAfterMs, cause: error })
    : error;
}
