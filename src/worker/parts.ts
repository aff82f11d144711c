import type { Clock } from '#core/clock.ts';
import type { Destination } from '#core/destination.ts';
import type { Digester } from '#core/digester.ts';
import type { Files } from '#core/files.ts';
import type { Listings } from '#core/listing.ts';
import type { Claim, ConnectionProgress, MirrorStretches, Outcome, Vitals } from '#core/protocol.ts';
import type { Random } from '#core/random.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Detected } from '#core/resolution.ts';
import type { Asked, Source, SourceContext } from '#core/source.ts';
import type { RangeSet } from '#lib/ranges.ts';
import type { HostMemory } from '#transfer/ramp.ts';
import type { Room } from '#transfer/room.ts';
import type { SharedLimits } from '#transfer/shared-limits.ts';
import type { Scratch } from './scratch.ts';

/** What a worker is made of; everything that touches the outside is passed in. */
export type WorkerParts = {
  clock: Clock;
  random: Random;
  files: Files;
  digester: Digester;
  room: Room;
  /** Takes the whole room of a file on the disk now; absent: it is taken bit by bit. See `Opening.allocate`. */
  allocate?(
    path: string,
    ranges: RangeSet,
    sizeBytes: number,
    signal: AbortSignal,
    tell: (message: string) => void,
  ): Promise<void>;
  sources: SourceContext;
  /** Throws `scheme_unknown`. */
  sourceOf(link: URL): Source;
  /** Throws `unsupported`. */
  sourceOfKind(kind: string): Source;
  /** Finds out what is behind a link, as the kind that a person chose when one did. */
  detect(context: SourceContext, question: Question, signal: AbortSignal): Promise<Detected>;
  /** Throws `unsupported`. */
  destinationOf(kind: string): Destination;
  /** Reads documents that list files. */
  listings: Listings;
  scratch: Scratch;
  limits: SharedLimits;
  hostMemory: HostMemory;
  /** How the machine is; absent: nobody looks. */
  vitals?(): Promise<MachineVitals>;
};

export type Question = Asked & { link: URL; request: RequestOptions; as?: string };

/** What the machine tells; the worker knows the rest. */
export type MachineVitals = Omit<Vitals, 'mostFetches' | 'speedBytesPerSecond'>;

/** How far a running task is. */
export type TaskState = {
  phase: 'probe' | 'fetch' | 'verify' | 'deliver';
  doneBytes: number;
  sizeBytes: number | null;
  speedBytesPerSecond: number;
  connections: ConnectionProgress[];
  ranges: [number, number][];
  stretches: MirrorStretches[];
};

/** What a task may use while it runs. */
export type TaskContext = {
  parts: WorkerParts;
  signal: AbortSignal;
  /** Replaces how the task's state is found; asked about once a second. */
  show(state: () => TaskState): void;
  note(event: 'fetching' | 'waiting' | 'restarted', message: string): void;
  /** Told every decision, for the log of the download. */
  debug(line: string): void;
};

/** Does one task. Rejections become the outcome `failed`. */
export type RunTask<Kind extends Claim['kind']> = (
  claim: Extract<Claim, { kind: Kind }>,
  context: TaskContext,
) => Promise<Outcome>;

export const idleState: TaskState = {
  phase: 'probe',
  doneBytes: 0,
  sizeBytes: null,
  speedBytesPerSecond: 0,
  connections: [],
  ranges: [],
  stretches: [],
};
