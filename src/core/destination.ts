import type { ZodType } from 'zod';
import type { DeliveredFile, FetchedFile } from './protocol.ts';

/** A finished file in scratch, waiting to be delivered. */
export type ScratchFile = FetchedFile & {
  /** Absolute path of the bytes. */
  scratchPath: string;
  /** Absolute path of a small file in which the adapter may keep what it needs to find its own half-done delivery again. */
  notePath: string;
};

export type DestinationTest = { step: string; ok: boolean; message: string | null }[];

/**
 * Adapter that a finished file is delivered to. It never shows a half-written name, proves the copy by reading it back,
 * and does no harm when a step is done twice. It leaves the scratch file alone.
 */
export interface Destination<Options = unknown> {
  readonly kind: string;
  readonly options: ZodType<Options>;
  /** Delivers one file and returns the proof. Throws `no_space`, `not_writable`, `checksum_mismatch` … */
  deliver(
    options: Options,
    file: ScratchFile,
    onBytes: (byteCount: number) => void,
    signal: AbortSignal,
  ): Promise<DeliveredFile>;
  /** Could a file that it delivered be there? What a worker tells is not believed: the file is read and erased later. */
  holds(options: Options, location: string): boolean;
  /** Removes delivered files; one that is gone already is fine. */
  erase(options: Options, files: DeliveredFile[]): Promise<void>;
  /** Writes, reads and deletes a small file, and tells how each step went. */
  test(options: Options): Promise<DestinationTest>;
  /** Bytes that still fit; null when the destination cannot tell. */
  freeBytes(options: Options): Promise<number | null>;
}

export function defineDestination<Options>(destination: Destination<Options>): Destination<Options> {
  return destination;
}
