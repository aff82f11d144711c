/**
 * The promises that every source keeps, tried on real servers. A source is one line beside its other tests:
 * `conformSource(ftp, serveFtpFiles)`. What a source or its server cannot show is left out with a written reason.
 */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { type ErrorCode, FlotillaError } from '#core/errors.ts';
import { safeName } from '#core/names.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution } from '#core/resolution.ts';
import { type ByteSession, type EngineState, type Source, type SourceContext, sessionOf } from '#core/source.ts';
import type { Fetch } from '#transfer/fetch-file.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { createShared } from '#wire/shared.ts';
import { systemClock } from '#wire/system.ts';
import { type FaultyEgress, faultyEgress } from './faulty-egress.ts';
import { type FetchIntoOptions, fetchInto } from './fetch-into.ts';
import { noServices } from './no-services.ts';
import { sampleBytes } from './serve-nginx.ts';
import { type Scope, tempFolder } from './temp.ts';

/** How something is asked for; `settings` are what the machine is told of this source. */
export type Target = {
  link: string;
  request?: RequestOptions;
  parameters?: Record<string, unknown>;
  settings?: Record<string, unknown>;
};

/** A server with files. Paths are relative, with `/`, and hold any character that a file name may hold. */
export type ServedFiles = {
  /** Puts a file there, or another version in its place, whole at once. */
  put(path: string, bytes: Uint8Array): void | Promise<void>;
  target(path: string): Target;
  /** What a look at the file finds, where that is not its own name and size. */
  found?(path: string): { name: string; sizeBytes: number | null };
  /** The same file, asked for with a login that is wrong. */
  wrongLogin?(path: string): Target;
  /** Takes away the right to read the file; returns how it is asked for. */
  forbid?(path: string): Target | Promise<Target>;
  /** The same file on a server that does not say how large files are. */
  sizeless?(path: string): Target | Promise<Target>;
  /** Everything below this path, which is a folder. */
  folder?(path: string): Target;
  /** Puts many small files at once, when there is a faster way than one by one. */
  putAll?(files: readonly [path: string, bytes: Uint8Array][]): void | Promise<void>;
};

/** What is tried. The order is that of the tests. */
const cases = [
  'probe',
  'whole',
  'range',
  'resume',
  'zero bytes',
  'unknown size',
  'odd names',
  'changed',
  'cut',
  'stall',
  'cancel',
  'wrong login',
  'missing',
  'forbidden',
  'folder',
  'huge folder',
] as const;
export type SourceCase = (typeof cases)[number];

/** Without these nothing is a source. */
type Essential = 'probe' | 'whole' | 'cancel' | 'missing';

export type SourceFixture = {
  /** Which server it is, where a source is tried on several. */
  server?: string;
  /** Starts a server with no files. It is stopped after the test. */
  start(t: Scope): Promise<ServedFiles>;
  /** Cases that are left out, each with a sentence that says why. */
  cannot?: { [Case in Exclude<SourceCase, Essential>]?: string };
};

const body = sampleBytes(3_000_000, 51);
const otherBody = sampleBytes(3_000_000, 52);

const oddNames = [
  'with  two spaces.bin',
  '100%.bin',
  '%41.bin',
  'a#b.bin',
  'what?.bin',
  'a&b=c+d.bin',
  'semi;type=a.bin',
  'naïve 日本 👍.bin',
  `both " and '.bin`,
  '.hidden',
  '-dash.bin',
  '~tilde.bin',
  'back\\slash.bin',
  '[brackets] {braces} *.bin',
  'trailing dot.',
];

/** All waits of the suite end after this long, whatever happens. */
const patienceMs = 120_000;
/** For machines that have much else to do. */
const connectTimeoutMs = 30_000;

export function conformSource(source: Source, { server, start, cannot = {} }: SourceFixture): void {
  for (const [name, reason] of Object.entries(cannot)) {
    assert.ok((cases as readonly string[]).includes(name), `there is no case "${name}" to leave out`);
    assert.ok(reason.length >= 20 && reason.endsWith('.'), `"${name}" is left out of ${source.kind} without a written reason`);
  }

  const conform = (name: SourceCase, title: string, run: (t: TestContext, served: ServedFiles) => Promise<void>) => {
    const reason = (cannot as Partial<Record<SourceCase, string>>)[name];
    // Left out for good, and not for want of something: it is no test that was skipped.
    if (reason === undefined) test(title, { timeout: patienceMs }, async (t) => run(t, await start(t)));
  };

  describe(`${source.kind}${server === undefined ? '' : ` (${server})`} keeps the promises of a source`, {
    concurrency: 2,
  }, () => {
    conform('probe', 'probe tells name, size and kind, and fetches nothing', async (t, served) => {
      await served.put('folder/file.bin', body);
      const network = faultyEgress(t);
      const found = await probe(source, served.target('folder/file.bin'), network);
      assert.equal(found.kind, source.kind);
      const { name, sizeBytes } = served.found?.('folder/file.bin') ?? { name: 'file.bin', sizeBytes: body.length };
      assert.equal(found.name, name);
      assert.deepEqual(
        found.files.map((file) => ({ path: file.path, sizeBytes: file.sizeBytes })),
        [{ path: name, sizeBytes }],
      );
      // What a server had sent before it noticed that nobody wants it.
      assert.ok(network.bytesSent < body.length, `${network.bytesSent} bytes came`);
      await untilClosed(network);
    });

    conform('whole', 'the whole file comes with the right bytes', async (t, served) => {
      await served.put('file.bin', body);
      const { bytes, sizeBytes } = await fetchTarget(t, source, served.target('file.bin'));
      assert.equal(sizeBytes, body.length);
      assert.ok(bytes.equals(body));
    });

    conform('range', 'any stretch of a file can be asked for', async (t, served) => {
      await served.put('file.bin', body);
      const size = body.length;
      const stretches = [
        [0, 1],
        [0, size],
        [1, 2],
        [size - 1, size],
        [777, null],
        [0, null],
        [500, 700_000],
      ] as const;
      const target = served.target('file.bin');
      const link = await linkOfFile(source, target, faultyEgress(t));
      await withContext(source, target, faultyEgress(t), async (context) => {
        const session = sessionOf(source, context, link, target.request ?? {});
        try {
          for (const [startByte, endByte] of stretches) {
            const bytes = await readRange(session, startByte, endByte, t.signal);
            const right = bytes.equals(body.subarray(startByte, endByte ?? size));
            assert.ok(right, `${startByte} to ${endByte}: ${bytes.length} bytes`);
          }
        } finally {
          session.close();
        }
      });
    });

    conform('resume', 'a fetch that was stopped goes on where it was', async (t, served) => {
      await served.put('file.bin', body);
      const folder = tempFolder(t);
      const target = served.target('file.bin');
      await stopInTheMiddle(t, source, target, folder);
      const { bytes, fetchedBytes } = await fetchTarget(t, source, target, { folder });
      assert.ok(bytes.equals(body));
      assert.ok(fetchedBytes < body.length - 100_000, `${fetchedBytes} bytes came the second time`);
    });

    conform('zero bytes', 'an empty file is a file', async (t, served) => {
      await served.put('empty.bin', Buffer.alloc(0));
      const { bytes, sizeBytes } = await fetchTarget(t, source, served.target('empty.bin'));
      assert.deepEqual([bytes.length, sizeBytes], [0, 0]);
    });

    conform('unknown size', 'a file of unknown size comes whole', async (t, served) => {
      await served.put('file.bin', body);
      assert.ok(served.sizeless, 'the fixture has no server that keeps sizes to itself');
      const target = await served.sizeless('file.bin');
      assert.equal((await probe(source, target, faultyEgress(t))).files[0]?.sizeBytes, null);
      const { bytes, sizeBytes } = await fetchTarget(t, source, target);
      assert.equal(sizeBytes, body.length);
      assert.ok(bytes.equals(body));
    });

    conform('odd names', 'files with odd names come, and are saved under safe ones', async (t, served) => {
      for (const name of oddNames) await served.put(`odd/${name}`, Buffer.from(`this is ${name}`));
      for (const name of oddNames) {
        const target = served.target(`odd/${name}`);
        const found = await probe(source, target, faultyEgress(t));
        assert.deepEqual(
          found.files.map(({ path }) => path),
          [safeName(name)],
        );
        const { bytes } = await fetchTarget(t, source, target);
        assert.equal(bytes.toString(), `this is ${name}`);
      }
    });

    conform('changed', 'a file that changes in between is the new one or a failure, never a mix', async (t, served) => {
      await served.put('file.bin', body);
      const network = faultyEgress(t, { bytesPerSecond: 1_000_000 });
      const outcome = fetchTarget(t, source, served.target('file.bin'), {
        network,
        async halfway() {
          await served.put('file.bin', otherBody);
          network.set({});
          network.cutAll();
        },
      });
      const { bytes } = await outcome.catch((error: unknown) => {
        assert.ok(error instanceof FlotillaError && error.code === 'content_changed', String((error as Error).stack));
        return { bytes: otherBody };
      });
      assert.ok(bytes.equals(otherBody), 'a mix of both, or the old one');
    });

    conform('cut', 'connections that break again and again only cost time', async (t, served) => {
      await served.put('file.bin', body);
      const network = faultyEgress(t, { resetAtByte: 700_000 });
      const { bytes } = await fetchTarget(t, source, served.target('file.bin'), { network });
      assert.ok(bytes.equals(body));
      assert.ok(network.connectionCount > 3, `only ${network.connectionCount} connections`);
    });

    conform('stall', 'connections that fall silent are given up', async (t, served) => {
      await served.put('file.bin', body);
      const network = faultyEgress(t, { stallAtByte: 1_100_000 });
      const { bytes } = await fetchTarget(t, source, served.target('file.bin'), { network, stallMs: 500 });
      assert.ok(bytes.equals(body));
    });

    conform('cancel', 'a fetch that is called off ends, and leaves no connection open', async (t, served) => {
      await served.put('file.bin', body);
      const network = await stopInTheMiddle(t, source, served.target('file.bin'), tempFolder(t));
      await untilClosed(network);
    });

    conform('wrong login', 'a wrong login is told of, and not shown', async (t, served) => {
      await served.put('file.bin', body);
      assert.ok(served.wrongLogin, 'the fixture has no wrong login');
      const error = await failureOf(t, source, served.wrongLogin('file.bin'), ['auth_required']);
      assert.doesNotMatch(error.message, /wrong-password/);
    });

    conform('missing', 'a file that is not there is not found', async (t, served) => {
      await served.put('file.bin', body);
      await failureOf(t, source, served.target('missing.bin'), ['not_found']);
    });

    conform('forbidden', 'a file that may not be read is refused', async (t, served) => {
      await served.put('file.bin', body);
      assert.ok(served.forbid, 'the fixture has nothing that is forbidden');
      await failureOf(t, source, await served.forbid('file.bin'), ['auth_required', 'refused']);
    });

    conform('folder', 'a folder is many files, each below its own path', async (t, served) => {
      const paths = ['one.bin', 'two words.bin', 'deep/er/three #1.bin', 'deep/four.bin', 'empty.bin'];
      for (const path of paths) await served.put(`folder/${path}`, Buffer.from(path === 'empty.bin' ? '' : `this is ${path}`));
      await served.put('folder-beside/five.bin', Buffer.from('not this one'));
      assert.ok(served.folder, 'the fixture has no folders');
      const target = served.folder('folder');
      const found = await probe(source, target, faultyEgress(t));
      const files = found.files.map(({ path, sizeBytes }) => [path, sizeBytes]);
      assert.equal(found.name, 'folder');
      // All of them lie in one folder of that name.
      const safe = (path: string) => ['folder', ...path.split('/').map((part) => safeName(part))].join('/');
      const expected = paths.map((path) => [safe(path), path === 'empty.bin' ? 0 : `this is ${path}`.length]);
      assert.deepEqual(files.toSorted(), expected.toSorted());
      assert.deepEqual((await probe(source, target, faultyEgress(t))).files, found.files, 'the order is the same each time');
      for (const path of paths) {
        const index = found.files.findIndex((one) => one.path === safe(path));
        const { bytes } = await fetchTarget(t, source, target, { index, found });
        assert.equal(bytes.toString(), path === 'empty.bin' ? '' : `this is ${path}`);
      }
    });

    conform('huge folder', 'ten thousand files in one folder are all found', async (t, served) => {
      const files = Array.from(
        { length: 10_000 },
        (_, n) => [`huge/file-${n}.bin`, Buffer.from([n & 255])] as [string, Buffer],
      );
      if (served.putAll) await served.putAll(files);
      else for (const [path, bytes] of files) await served.put(path, bytes);
      assert.ok(served.folder, 'the fixture has no folders');
      const found = await probe(source, served.folder('huge'), faultyEgress(t));
      assert.equal(found.files.length, 10_000);
      assert.equal(new Set(found.files.map(({ path }) => basename(path))).size, 10_000);
      assert.ok(found.files.every(({ sizeBytes }) => sizeBytes === 1));
    });
  });
}

type FetchWish = Pick<FetchIntoOptions, 'signal' | 'stallMs'> & {
  folder?: string;
  network?: FaultyEgress;
  /** Called once, when about a third has come. */
  halfway?(): unknown;
  /** Which file is wanted, of several that were found. */
  index?: number;
  found?: Resolution;
};

type Outcome = { bytes: Buffer; sizeBytes: number; fetchedBytes: number };

/** As a download does: asks what the link is, and fetches it with the transfer core, or lets the engine fetch. */
async function fetchTarget(t: TestContext, source: Source, target: Target, wish: FetchWish = {}): Promise<Outcome> {
  const { folder = tempFolder(t), network = faultyEgress(t), signal = t.signal, halfway, index, found, ...options } = wish;
  const progress: { doneBytes(): number } = { doneBytes: () => 0 };
  let interference: Promise<unknown> | undefined;
  const watch = setInterval(() => {
    if (halfway === undefined || progress.doneBytes() < body.length / 3) return;
    clearInterval(watch);
    interference = Promise.resolve(halfway());
  }, 5);
  try {
    if (source.run !== undefined) return await runEngine(source, target, { folder, network, signal, index, progress });
    const link = await linkOfFile(source, target, network, { index, found });
    return await withContext(source, target, network, (context) =>
      fetchInto(source, folder, link.href, {
        ...{ connections: 2, egress: network, signal, context, connectTimeoutMs },
        ...(target.request && { request: target.request }),
        ...options,
        begun(fetch: Fetch) {
          progress.doneBytes = () => fetch.progress().doneBytes;
        },
      }),
    );
  } finally {
    clearInterval(watch);
    await interference;
  }
}

/** Where the bytes of a file are: only a probe knows that of one of many, and what became of the parameters. */
async function linkOfFile(
  source: Source,
  target: Target,
  network: FaultyEgress,
  { index, found }: FetchWish = {},
): Promise<URL> {
  if (target.parameters === undefined && index === undefined) return new URL(target.link);
  const { files } = found ?? (await probe(source, target, network));
  return new URL(files[index ?? 0]?.link ?? target.link);
}

type EngineWish = {
  folder: string;
  network: FaultyEgress;
  signal: AbortSignal;
  index: number | undefined;
  progress: { doneBytes(): number };
};

async function runEngine(source: Source, target: Target, wish: EngineWish): Promise<Outcome> {
  const { folder, network, signal, index, progress } = wish;
  const [link, request, parameters] = [new URL(target.link), target.request ?? {}, target.parameters ?? {}];
  return withContext(source, target, network, async (context) => {
    const resolution = await source.probe(context, link, request, signal, { parameters });
    let state: () => EngineState | null = () => null;
    progress.doneBytes = () => state()?.doneBytes ?? 0;
    const job = {
      ...{ link, request, parameters, folder, resolution },
      document: null,
      selected: index === undefined ? null : new Set([index]),
      mostBytes: null,
      // Slow enough to be stopped in the middle.
      limitBytesPerSecond: () => (network.bytesPerSecond === null ? null : network.bytesPerSecond),
      show(next: () => EngineState) {
        state = next;
      },
      note() {},
      debug() {},
    };
    const result = await (source.run as NonNullable<Source['run']>)(context, job, signal);
    const file = result.files.find((one) => one.index === (index ?? 0));
    assert.ok(file, `file ${index ?? 0} did not come`);
    const bytes = readFileSync(file.diskPath);
    assert.equal(file.sizeBytes, bytes.length);
    return { bytes, sizeBytes: file.sizeBytes, fetchedBytes: result.facts.fetchedBytes };
  });
}

/** Begins to fetch, and calls it off in the middle. Resolves once that is over. */
async function stopInTheMiddle(t: TestContext, source: Source, target: Target, folder: string): Promise<FaultyEgress> {
  const network = faultyEgress(t, { bytesPerSecond: 1_000_000 });
  const stop = new AbortController();
  const halfway = () => stop.abort(new Error('called off by the test'));
  await assert.rejects(
    fetchTarget(t, source, target, { folder, network, signal: stop.signal, halfway }),
    /called off by the test/,
  );
  return network;
}

/** Bounded by the time of the test. */
async function untilClosed(network: FaultyEgress): Promise<void> {
  while (network.openConnections > 0) await new Promise((resolve) => setTimeout(resolve, 20));
}

function probe(source: Source, target: Target, network: FaultyEgress): Promise<Resolution> {
  const { link, request = {}, parameters = {} } = target;
  return withContext(source, target, network, (context) =>
    source.probe(context, new URL(link), request, AbortSignal.timeout(patienceMs), { parameters }),
  );
}

/** Both the probe and the fetch fail with one of these codes and a sentence. */
async function failureOf(t: TestContext, source: Source, target: Target, codes: ErrorCode[]): Promise<FlotillaError> {
  const check = (error: unknown): error is FlotillaError => {
    assert.ok(error instanceof FlotillaError, String((error as Error).stack));
    assert.ok(codes.includes(error.code), `${error.code}: ${error.message}`);
    assert.equal(error.retry, 'never', error.message);
    assert.match(error.message, /\.$|…$/, 'a sentence');
    return true;
  };
  await assert.rejects(fetchTarget(t, source, target), check);
  const error: unknown = await probe(source, target, faultyEgress(t)).then(
    () => assert.fail('probe found something'),
    (thrown: unknown) => thrown,
  );
  assert.ok(check(error));
  return error;
}

/** What sources share lives as long as the work, and is closed with it. */
async function withContext<T>(
  { kind }: Source,
  { settings: told = {} }: Target,
  egress: FaultyEgress,
  work: (context: SourceContext) => Promise<T>,
): Promise<T> {
  const connections = createKeptConnections();
  const shared = createShared();
  const settings = { [kind]: told };
  try {
    return await work({ ...noServices, clock: systemClock, egress, connections, connectTimeoutMs, shared, settings });
  } finally {
    connections.close();
    await shared.close();
  }
}

async function readRange(
  session: ByteSession,
  startByte: number,
  endByte: number | null,
  signal: AbortSignal,
): Promise<Buffer> {
  const opened = await session.open(startByte, endByte, signal);
  assert.equal(opened.startByte, startByte, 'it begins where it was asked to');
  const wantedBytes = (endByte ?? Number.POSITIVE_INFINITY) - startByte;
  const chunks: Buffer[] = [];
  let gotBytes = 0;
  await opened.pour((chunk) => {
    chunks.push(Buffer.from(chunk));
    gotBytes += chunk.length;
    return gotBytes < wantedBytes;
  }, signal);
  return Buffer.concat(chunks).subarray(0, wantedBytes);
}
