import type { AddressInfo } from 'node:net';
import type { Control } from '#control/control.ts';
import { createControl } from '#control/create.ts';
import { createEnrolment, type Enrolment } from '#control/enrolment.ts';
import { createUsers, type Users } from '#control/users.ts';
import { type Actor, type Scope, scopes } from '#core/access.ts';
import type { Clock } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import { type Logger, noLog } from '#core/log.ts';
import type { DeliveredFile } from '#core/protocol.ts';
import { noUserLimits, type Store } from '#core/store.ts';
import { createMeter } from '#lib/meter.ts';
import { meterStore } from '#store/metered.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { releaseAfter, type Scope as TestScope } from '#testing/temp.ts';
import { listings } from '#wire/listings.ts';
import { createSealer } from '#wire/sealer.ts';
import { createSecrets } from '#wire/secrets.ts';
import { systemClock, systemRandom } from '#wire/system.ts';
import { type ApiOptions, createApi } from '../api.ts';
import { type ApiWorker, createApiWorker } from './api-worker.ts';

export const password = 'a boat on the lake';
export const bootstrapToken = 'the machine itself may come in';

export type Started = {
  base: string;
  port: number;
  control: Control;
  worker: ApiWorker;
  users: Users;
  enrolment: Enrolment;
  store: Store;
  /** What the server logged as a bug. */
  failures: unknown[];
  /** fetch below the server, with an API token that may do everything unless headers say otherwise. */
  ask(method: string, path: string, more?: { body?: unknown; headers?: Record<string, string> }): Promise<Response>;
  close(): Promise<void>;
};

export type StartOptions = Partial<ApiOptions> & {
  clock?: Clock;
  log?: Logger;
  /** Puts something between the HTTP face and the control plane. */
  wrap?: (control: Control) => Control;
};

/** Passwords are not what is tested here. */
const cheapCost = { memory: 64, passes: 1, parallelism: 1 };

/** A real server on loopback: the whole HTTP face over a real control plane and store. */
export async function startApi(
  t: TestScope,
  { clock = systemClock, log = noLog, wrap = (control) => control, ...options }: StartOptions = {},
): Promise<Started> {
  const meter = createMeter();
  const store = meterStore(await openSqliteStore(':memory:', { clock }), meter, clock);
  const users = createUsers({ store, clock, random: systemRandom, secrets: createSecrets(cheapCost), bootstrapToken });
  const enrolment = createEnrolment({ store, clock, random: systemRandom, secrets: createSecrets(cheapCost) });
  const control = await createControl({
    store,
    clock,
    random: systemRandom,
    meter,
    sealer: createSealer(new Uint8Array(32).fill(7)),
    schemes: ['http:', 'https:'],
    defaultDestination: { kind: 'local', name: 'Downloads', options: { folder: '/downloads' } },
  });
  // More than one test runs at a time.
  await control.changeSettings({ parallelDownloads: 64 });
  const failures: unknown[] = [];
  const app = await createApi({
    control: wrap(control),
    users,
    enrolment,
    clock,
    meter,
    log: {
      ...log,
      error(message, detail) {
        if (detail?.error !== undefined) failures.push(detail.error);
        log.error(message, detail);
      },
    },
    options: {
      version: '0.0.0',
      boundHost: '127.0.0.1',
      webRoot: null,
      openContent: async (_, __, { location, sizeBytes, digests, path }: DeliveredFile) => {
        return { name: path, sizeBytes, sha256: digests[0]?.hex ?? null, path: location };
      },
      destinations: {
        check(kind, given) {
          if (kind !== 'local') throw new FlotillaError('unsupported', `There are no destinations of the kind ${kind}.`);
          return given;
        },
        test: async () => [{ step: 'write', ok: true, message: null }],
        freeBytes: async () => 1000,
      },
      linkOf: async () => 'https://example.org/document',
      listings,
      kinds: [{ kind: 'http', schemes: ['http:', 'https:'], told: ['http:', 'https:'], parameters: null }],
      profiler: {
        cpu: async () => '{}',
        async *heap() {
          yield '{}';
        },
      },
      ...options,
    },
  });
  await app.listen({ host: '127.0.0.1', port: 0 });
  const close = () => app.close();
  releaseAfter(t, () => store.close());
  releaseAfter(t, () => control.close());
  releaseAfter(t, close);
  const { port } = app.server.address() as AddressInfo;
  const base = `http://127.0.0.1:${port}`;
  return {
    base,
    port,
    control,
    worker: createApiWorker(control),
    users,
    enrolment,
    store,
    failures,
    close,
    ask(method, path, { body, headers = {} } = {}) {
      const auth: Record<string, string> =
        headers.authorization === undefined ? { authorization: `Bearer ${bootstrapToken}` } : {};
      const type: Record<string, string> = body === undefined ? {} : { 'content-type': 'application/json' };
      return fetch(base + path, {
        method,
        headers: { ...auth, ...type, ...headers },
        body: body === undefined ? undefined : JSON.stringify(body),
      });
    },
  };
}

/** Claims the instance; the cookie is what a browser would send back. */
export async function claim({ base, users }: Started): Promise<{ cookie: string; setCookie: string; userId: string }> {
  const code = await users.openClaim();
  const response = await fetch(`${base}/api/v1/claim`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ code, name: 'Anna', password }),
  });
  const body = (await response.json()) as { user: { id: string } };
  const setCookie = response.headers.getSetCookie()[0] ?? '';
  return { cookie: setCookie.split(';')[0] ?? '', setCookie, userId: body.user.id };
}

/** Another person, who owns nothing of the first one's, with a token for everything a user may do. */
export async function addForeigner({ store, users }: Started): Promise<string> {
  const about = { id: 'foreigner', name: 'Otto', role: 'user' as const, passwordHash: 'x', createdAtMs: Date.now() };
  const row = { ...about, ...noUserLimits };
  await store.write((tx) => tx.users.insert(row));
  return (await users.addToken(row.id, { name: 'theirs', scopes: [...scopes] })).secret;
}

export async function addToken({ users }: Started, userId: string, held: Scope[]): Promise<string> {
  return (await users.addToken(userId, { name: held.join(' '), scopes: held })).secret;
}

/** Who the bootstrap token acts for. */
export async function owner({ users }: Started): Promise<string> {
  const actor: Actor = await users.actorOfToken(bootstrapToken);
  return actor.userId ?? '';
}

/** A new download of that user, waiting. */
export async function addDownload({ control }: Started, ownerId: string): Promise<string> {
  return (await control.submit(ownerId, { link: 'https://anna:secret@example.org/a', options: {} })).id;
}

/** Makes events happen: each call pauses or resumes the download and is told once. */
export async function toggle({ control }: Started, ownerId: string, id: string): Promise<void> {
  const download = await control.get(ownerId, id);
  await (download?.state === 'paused' ? control.resume(ownerId, id) : control.pause(ownerId, id));
}
