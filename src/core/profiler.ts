/** Shows what a process does and holds. What it shows may contain everything that the process knows, secrets too. */
export interface Profiler {
  /** Samples where the time goes, for so long; the text of a `.cpuprofile`. Rejects when the signal is aborted. */
  cpu(seconds: number, signal: AbortSignal): Promise<string>;
  /** The text of a `.heapsnapshot`. The process stands still while it is made, and takes as much memory again. */
  heap(): AsyncIterable<Uint8Array | string>;
}
