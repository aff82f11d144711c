/** Loaded into a program before its own code: writes down how long its main thread's event loop was held up. */
import { writeFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { isMainThread } from 'node:worker_threads';

const path = process.env.FLOTILLA_LOOP_DELAY_FILE;
if (path !== undefined && isMainThread) {
  const delays = monitorEventLoopDelay({ resolution: 1 });
  // Starting up is not what is asked about.
  process.on('SIGUSR2', () => {
    delays.reset();
    delays.enable();
  });
  process.on('exit', () => {
    // The histogram holds whole intervals, of which one millisecond is the timer's own.
    const inMs = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - 1);
    writeFileSync(
      path,
      JSON.stringify({ p50Ms: inMs(delays.percentile(50)), p99Ms: inMs(delays.percentile(99)), maxMs: inMs(delays.max) }),
    );
  });
}
