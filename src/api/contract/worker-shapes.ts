/**
 * What workers say over the network. Every list and text is bounded: a worker that lies costs no more than one that does
 * not. The types are those of `src/core/protocol.ts`.
 */
import { z } from 'zod';
import { isShallow } from '#core/depth.ts';
import { type ErrorCode, errorCodes } from '#core/errors.ts';
import { mostListedFiles, mostMirrors } from '#core/listing.ts';
import { longestTaskLine, mostTaskLines, taskKinds } from '#core/protocol.ts';
import { mostFiles } from '#core/resolution.ts';
import * as shape from './shapes.ts';

const id = z.string().min(1).max(64);
const epoch = z.int().min(0);
const bytes = z.int().min(0);
const name = z.string().min(1).max(100);
const link = z.string().max(65_536);
/** Of headers: a server sends 64 KiB of them at most. */
const fieldText = z.string().max(65_536);
const path = z.string().max(4096);
const sentence = z.string().max(4000);
const speed = z.number().min(0);

const labels = z
  .array(
    z
      .string()
      .min(1)
      .max(50)
      .regex(/^[^\s,]+$/, 'A label has no spaces and no commas.'),
  )
  .max(50);

export const changeWorker = z.strictObject({
  name: name.optional(),
  labels: labels.optional(),
  wanted: z.enum(['work', 'pause', 'drain']).optional(),
  maxFetches: z.int().min(1).max(1000).nullable().optional(),
});

export const invite = z.strictObject({
  origin: z
    .url({ protocol: /^https?$/ })
    .max(255)
    .optional()
    .describe('How the machine reaches this server, unless the server knows; as this request did when absent.'),
});

export const invitation = z.object({
  workerId: z.string().describe('Whom it makes of the machine that uses it.'),
  key: z.string().describe('Shown this once.'),
  expiresAtMs: z.int(),
  command: z.string(),
});

export const enrol = z.strictObject({
  key: z.string().max(100),
  secret: z.string().regex(/^fw_[0-9A-Za-z]{49}$/),
});

export const enrolled = z.object({ workerId: z.string() });

export const hello = z.strictObject({
  workerId: id,
  name,
  version: z.string().max(50),
  kinds: z.array(z.enum(taskKinds)).max(taskKinds.length),
  schemes: z.array(z.string().max(32)).max(100),
  labels: labels.optional(),
});

/** Answers are open: what the control plane tells its workers is not cut here. */
export const workerSession = z.looseObject({
  workerId: z.string(),
  leaseSeconds: z.number(),
  reportEverySeconds: z.number(),
  instance: z.string().describe('Names the database.'),
});

const roomForTasks = z.int().min(0).max(1000);

export const claimRequest = z.strictObject({
  workerId: id,
  room: z.strictObject({ probe: roomForTasks, fetch: roomForTasks, deliver: roomForTasks, erase: roomForTasks }),
  // Proxies cut what is silent for 30 s or 60 s.
  waitMs: z.int().min(0).max(25_000),
});

export const claims = z.array(
  z.looseObject({ taskId: z.string(), epoch: z.int(), leaseSeconds: z.number(), kind: z.enum(taskKinds) }),
);

const ranges = z.array(z.tuple([bytes, bytes])).max(4096);

const taskProgress = z.strictObject({
  taskId: id,
  epoch,
  phase: z.enum(['probe', 'fetch', 'verify', 'process', 'deliver']),
  doneBytes: bytes,
  sizeBytes: bytes.nullable(),
  speedBytesPerSecond: speed,
  connections: z
    .array(
      z.strictObject({
        mirror: z.string().max(300),
        startByte: bytes,
        position: bytes,
        endByte: bytes.nullable(),
        speedBytesPerSecond: speed,
      }),
    )
    .max(256),
  ranges,
  stretches: z.array(z.strictObject({ mirror: z.string().max(300), ranges })).max(mostMirrors + 1),
});

export const mostReportBytes = 8 * 1024 * 1024;

const taskLines = z
  .array(
    z.strictObject({
      agoMs: bytes,
      level: z.enum(['debug', 'info', 'warn', 'error']),
      message: z.string().max(longestTaskLine),
    }),
  )
  .max(mostTaskLines);

export const reportRequest = z.strictObject({
  workerId: id,
  tasks: z.array(taskProgress).max(4000),
  holding: z.array(id).max(20_000),
  spareBytes: bytes.nullable().optional(),
  vitals: shape.vitals.optional(),
  lines: z
    .array(z.strictObject({ taskId: id, epoch, lines: taskLines }))
    .max(100)
    .optional(),
});

export const reportAnswer = z.looseObject({
  orders: z.array(z.looseObject({ taskId: z.string(), epoch: z.int(), order: z.enum(['stop', 'drop', 'lost']) })),
  discard: z.array(z.string()),
  limits: z.looseObject({}),
});

export const noteRequest = z.strictObject({
  workerId: id,
  taskId: id,
  epoch,
  event: z.enum(['fetching', 'waiting', 'restarted']),
  message: sentence,
});

const digests = z.array(shape.digest).max(20);

const fetchedFile = z.strictObject({
  index: bytes,
  path,
  sizeBytes: bytes,
  digests,
  verifiedAgainst: digests,
  modifiedAtMs: bytes.optional(),
});

const validator = z.strictObject({ etag: fieldText.nullable(), lastModified: fieldText.nullable() });

const resolution = z.strictObject({
  kind: z.string().max(50),
  name: z.string().max(1000),
  files: z.array(z.strictObject({ path, sizeBytes: bytes.nullable(), link: link.optional() })).max(mostFiles),
  infoHash: z.string().max(64).optional(),
  infoHashV2: z.string().max(64).optional(),
  details: z
    .record(z.string().max(100), z.unknown())
    .refine((given) => isShallow(given), { error: 'These details are nested too deep.', abort: true })
    .refine((given) => JSON.stringify(given).length <= 1024 * 1024, 'These details are longer than 1 MiB.')
    .optional(),
  resumable: z.boolean().nullable(),
  finalUrl: link,
  validator,
  mediaType: fieldText.nullable(),
  digests,
});

const listedFile = z.strictObject({
  path: path.nullable(),
  sizeBytes: bytes.nullable(),
  digests,
  pieces: z
    .strictObject({
      algorithm: shape.digest.shape.algorithm,
      lengthBytes: bytes,
      hexes: z.array(z.string().max(128)).max(1_000_000),
    })
    .nullable(),
  links: z.array(link).max(mostMirrors),
});

const failure = z.strictObject({
  code: z.enum(errorCodes as [ErrorCode, ...ErrorCode[]]),
  message: sentence,
  retry: z.enum(['never', 'later', 'elsewhere']),
  retryAfterMs: bytes.nullable(),
});

const outcome = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('resolved'),
    resolution,
    listed: z.array(listedFile).max(mostListedFiles).optional(),
    mightBe: z.string().max(50).optional(),
  }),
  z.strictObject({
    kind: z.literal('fetched'),
    resolution,
    files: z.array(fetchedFile).max(mostFiles),
    facts: z.strictObject({ finalUrl: link, validator, fetchedBytes: bytes, connections: bytes }),
  }),
  z.strictObject({
    kind: z.literal('delivered'),
    files: z.array(fetchedFile.extend({ location: link, provenSha256: z.string().regex(/^[0-9a-f]{64}$/) })).max(mostFiles),
  }),
  z.strictObject({ kind: z.literal('erased') }),
  z.strictObject({ kind: z.literal('failed'), failure, doneBytes: bytes }),
  z.strictObject({ kind: z.literal('given_back'), doneBytes: bytes, isLeaving: z.boolean().optional() }),
  z.strictObject({ kind: z.literal('scratch_lost') }),
]);

/** A document that lists files is as large as its own limit, and escaped. */
export const mostFinishBytes = 64 * 1024 * 1024;

export const finishRequest = z.strictObject({ workerId: id, taskId: id, epoch, outcome, lines: taskLines.optional() });
