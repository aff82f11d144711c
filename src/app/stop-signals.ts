import { exitCodes } from '#cli/exit-codes.ts';

/** A drain that takes longer is cut: what was not flushed is fetched again. */
const drainMs = 20_000;

/** Resolves at the first SIGINT or SIGTERM. From then on a second one, or too long a wait for `done`, ends the process. */
export function untilAskedToStop(): Promise<{ done(): void }> {
  return new Promise((resolve) => {
    const asked = () => {
      process.off('SIGINT', asked);
      process.off('SIGTERM', asked);
      const cut = setTimeout(() => process.exit(1), drainMs).unref();
      const atOnce = () => process.exit(1);
      process.once('SIGINT', atOnce);
      process.once('SIGTERM', atOnce);
      resolve({
        done() {
          clearTimeout(cut);
          process.off('SIGINT', atOnce);
          process.off('SIGTERM', atOnce);
        },
      });
    };
    process.on('SIGINT', asked);
    process.on('SIGTERM', asked);
  });
}

/** Ctrl+C and SIGTERM stop in good order; a second one stops at once. */
export function listenForInterrupt(stop: AbortController): () => void {
  const onSignal = () => {
    if (stop.signal.aborted) process.exit(exitCodes.interrupted);
    stop.abort(new Error('interrupted'));
  };
  process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
  return () => process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
}
