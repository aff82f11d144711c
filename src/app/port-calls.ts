/** The control plane's interface over a message port: the same calls as in one thread, as data. */
import { type Failure, FlotillaError, toFailure } from '#core/errors.ts';
import type { LogDetail, LogLevel } from '#core/log.ts';
import type { ControlPlane } from '#core/protocol.ts';

type Method = keyof ControlPlane;
type Call = { call: number; method: Method; request: unknown };
type Cancel = { cancel: number };
type Answer = { answer: number; result?: unknown; failure?: Failure };
type Line = { line: LogLevel; message: string; detail: LogDetail };
export type PortMessage = Call | Cancel | Answer | Line | { told: string };

type Port = {
  postMessage(message: PortMessage): void;
  on(event: 'message', listener: (message: PortMessage) => void): unknown;
};

const methods = ['register', 'claim', 'report', 'note', 'finish'] as const satisfies readonly Method[];

/** Answers the calls that come through the port with what the control plane says. */
export function answerCalls(port: Port, control: ControlPlane): void {
  const running = new Map<number, AbortController>();
  port.on('message', (message: PortMessage) => {
    if ('cancel' in message) running.get(message.cancel)?.abort(new Error('cancelled by the worker'));
    if (!('call' in message) || !methods.includes(message.method)) return;
    const { call, method, request } = message;
    const stop = new AbortController();
    running.set(call, stop);
    const ask = control[method] as (request: unknown, signal: AbortSignal) => Promise<unknown>;
    ask(request, stop.signal)
      .then((result) => port.postMessage({ answer: call, result } satisfies Answer))
      // Also for what cannot be copied to the other side: nobody else would catch it.
      .catch((error) => port.postMessage({ answer: call, failure: toFailure(error) } satisfies Answer))
      .finally(() => running.delete(call));
  });
}

/** A control plane that is at the other end of the port. */
export function callThrough(port: Port): ControlPlane {
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: unknown): void }>();
  let lastCall = 0;
  port.on('message', (message: PortMessage) => {
    if (!('answer' in message)) return;
    const waiter = waiting.get(message.answer);
    waiting.delete(message.answer);
    if (message.failure === undefined) waiter?.resolve(message.result);
    else waiter?.reject(new FlotillaError(message.failure.code, message.failure.message, message.failure));
  });
  const call = (method: Method, request: unknown, signal?: AbortSignal) =>
    new Promise<unknown>((resolve, reject) => {
      const number = ++lastCall;
      const cancel = () => port.postMessage({ cancel: number } satisfies Cancel);
      const settle = () => signal?.removeEventListener('abort', cancel);
      waiting.set(number, {
        resolve: (result) => {
          settle();
          resolve(result);
        },
        reject: (error) => {
          settle();
          reject(error);
        },
      });
      signal?.addEventListener('abort', cancel, { once: true });
      port.postMessage({ call: number, method, request } satisfies Call);
    });
  return Object.fromEntries(
    methods.map((method) => [method, (request: unknown, signal?: AbortSignal) => call(method, request, signal)]),
  ) as unknown as ControlPlane;
}
