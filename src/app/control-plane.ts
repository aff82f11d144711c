/** A process with control plane, API and web page, and perhaps a worker: `serve` and `server`. */
import { existsSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { FastifyInstance } from 'fastify';
import { createApi } from '#api/api.ts';
import type { Desk, DestinationDesk } from '#api/handlers.ts';
import type { Control } from '#control/control.ts';
import { createControl } from '#control/create.ts';
import { createEnrolment } from '#control/enrolment.ts';
import { checkSealingKey } from '#control/sealing-key.ts';
import { createUsers } from '#control/users.ts';
import { type Bus, noBus } from '#core/bus.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Logger } from '#core/log.ts';
import type { Store } from '#core/store.ts';
import { version } from '#core/version.ts';
import { destinationOf } from '#destinations/index.ts';
import { createMeter, type Meter } from '#lib/meter.ts';
import { sources } from '#sources/index.ts';
import { meterStore } from '#store/metered.ts';
import { createListings } from '#wire/listings.ts';
import { meterProcess } from '#wire/process-figures.ts';
import { profiler } from '#wire/profile.ts';
import { openSealer } from '#wire/sealer.ts';
import { createSecrets } from '#wire/secrets.ts';
import { createShared } from '#wire/shared.ts';
import { systemClock as clock, systemFiles as files, systemRandom as random } from '#wire/system.ts';
import { documentOf } from './document.ts';
import { openBus, openStore } from './open-store.ts';
import { startRounds } from './rounds.ts';
import type { ServeOptions } from './serve-config.ts';
import { sourceKinds } from './source-kinds.ts';
import { untilAskedToStop } from './stop-signals.ts';

/** What works for the control plane in the same process. */
export type Companion = {
  /** Gives back what runs, with its bytes kept, and ends. */
  drain(): Promise<void>;
};

/** Runs until it is asked to stop; resolves with the exit code. `startCompanion` is called once the API can be reached. */
export async function runControlPlane(
  options: ServeOptions,
  log: Logger,
  startCompanion: (control: Control) => Promise<Companion | null>,
): Promise<number> {
  await files.makeFolder(options.data);
  const meter = createMeter();
  meterProcess(meter, { version });
  const store = meterStore(await openStore(options, clock, log.warn), meter, clock);
  let bus: Awaited<ReturnType<typeof openBus>> = null;
  try {
    bus = await openBus(options, store, log);
    return await runOver({ store, bus: bus ?? noBus, log, meter }, options, startCompanion);
  } finally {
    // Connections to a database would keep the process alive, whatever went wrong.
    await bus?.close();
    await store.close();
  }
}

async function runOver(
  { store, bus, log, meter }: { store: Store; bus: Bus; log: Logger; meter: Meter },
  options: ServeOptions,
  startCompanion: (control: Control) => Promise<Companion | null>,
): Promise<number> {
  const sealer = await openSealer(files, options.secretKeyFile);
  await checkSealingKey(store, sealer, { isShared: options.database !== null });
  const control = await createControl({
    store,
    bus,
    clock,
    random,
    log,
    meter,
    sealer,
    schemes: sources.flatMap(({ schemes }) => schemes),
    kindsWithoutScheme: sources.filter(({ schemes }) => schemes.length === 0).map(({ kind }) => kind),
    timeZone: Intl.DateTimeFormat().resolvedOptions().timeZone,
    holds: ({ kind, options: its }, location) => destinationOf(kind).holds(its, location),
    defaultDestination: { kind: 'local', name: 'Downloads', options: { folder: options.downloads } },
  });
  const secrets = createSecrets();
  const shared = createShared();
  const users = createUsers({
    store,
    clock,
    random,
    secrets,
    bootstrapToken: options.bootstrapToken,
    bus,
  });
  const api = await createApi({
    control,
    users,
    enrolment: createEnrolment({ store, clock, random, secrets }),
    clock,
    log,
    meter,
    options: {
      version,
      boundHost: options.host,
      allowedHosts: namesOf(options),
      trustedProxies: options.trustedProxies,
      publicUrl: options.publicUrl,
      webRoot: join(import.meta.dirname, '../../web/dist'),
      openContent,
      destinations: desk,
      linkOf: async (document) => (await documentOf(Buffer.from(document, 'base64'), null, shared)).link.href,
      listings: createListings(shared),
      kinds: await sourceKinds(),
      profiler,
      metricsPublic: options.metricsPublic,
    },
  });
  // Before anybody can call: it also makes the owner of what the bootstrap token adds.
  const claimCode = await users.openClaim();
  const origin = await listen(api, options);
  const close = async () => {
    await api.close();
    await control.close();
    await shared.close();
  };
  const companion = await startCompanion(control).catch(async (error) => {
    // Nobody but us would end it: it listens already.
    await close();
    throw error;
  });
  const stopRounds = startRounds(() => control.sweep(), clock, log);

  tellHowToClaim(claimCode, options.publicUrl ?? origin);
  process.stdout.write(`ready ${origin}\n`);

  const stopping = await untilAskedToStop();
  log.info(companion === null ? 'Stopping.' : 'Stopping: running downloads are put down safely.');
  stopRounds();
  control.drain();
  await companion?.drain();
  await close();
  stopping.done();
  return 0;
}

function namesOf({ allowedHosts, publicUrl }: ServeOptions): string[] {
  return publicUrl === null ? allowedHosts : [...allowedHosts, new URL(publicUrl).hostname];
}

async function listen(api: FastifyInstance, { host, port }: ServeOptions): Promise<string> {
  try {
    const address = new URL(await api.listen({ host, port }));
    // 0.0.0.0 is where we listen, not where anybody can go.
    if (address.hostname === '0.0.0.0' || address.hostname === '[::]') address.hostname = 'localhost';
    return address.origin;
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === 'EADDRINUSE') {
      throw new FlotillaError(
        'not_writable',
        `Port ${port} is in use. Is Flotilla running already? Choose another with --port.`,
        { cause },
      );
    }
    if (code === 'ENOTFOUND' || code === 'EAI_AGAIN') {
      const message = `There is no address ${host} to listen on. Choose one of this machine with --host.`;
      throw new FlotillaError('not_writable', message, { cause });
    }
    if (code === 'EACCES' || code === 'EADDRNOTAVAIL' || code === 'EINVAL') {
      throw new FlotillaError(
        'not_writable',
        `Flotilla may not listen on ${host} port ${port}. Choose others with --host and --port.`,
        { cause },
      );
    }
    throw cause;
  }
}

/** The code is in the fragment of the link, so that it reaches no log of a proxy. */
function tellHowToClaim(code: string | null, origin: string): void {
  if (code === null) return;
  process.stderr.write(
    `Nobody owns this Flotilla yet. Open this link within 30 minutes to make it yours:\n\n  ${origin}/#claim=${code}\n\n`,
  );
}

/** What the API asks of destinations. */
const desk: DestinationDesk = {
  check(kind, given) {
    const parsed = destinationOf(kind).options.safeParse(given);
    if (parsed.success) return parsed.data as Record<string, unknown>;
    const [issue] = parsed.error.issues;
    throw new FlotillaError('link_invalid', `The destination makes no sense: ${issue?.path.join('.')} ${issue?.message}`);
  },
  test: (kind, given) => destinationOf(kind).test(desk.check(kind, given)),
  freeBytes: ({ kind, options }) => destinationOf(kind).freeBytes(options),
};

const openContent: Desk['openContent'] = async (_downloadId, _index, { location, sizeBytes, provenSha256 }) => {
  if (!existsSync(location)) return null;
  return { name: basename(location), path: location, sizeBytes, sha256: provenSha256 };
};
