import type { Clock } from '#core/clock.ts';
import type { Digester } from '#core/digester.ts';
import { FlotillaError } from '#core/errors.ts';
import type { ByteSession, OpenedRange, SourceFacts } from '#core/source.ts';

/** How one connection behaves that is opened at that moment. */
export type Manner = {
  /** Which version of the file it has. */
  version: number;
  bytesPerSecond: number;
  /** Does it send parts of the file? */
  resumes: boolean;
  hasSize: boolean;
  /** The connection breaks after so long. */
  lastsMs: number;
};

export const plainManner: Manner = { version: 1, bytesPerSecond: 220_000, resumes: true, hasSize: true, lastsMs: 1e9 };

/** The whole file, as each version has it. No two versions agree at any byte. */
export type Contents = (version: number) => Buffer;

export function createContents(sizeBytes: number): Contents {
  const known = new Map<number, Buffer>();
  return (version) => {
    let content = known.get(version);
    if (content === undefined) {
      content = Buffer.allocUnsafe(sizeBytes);
      for (let at = 0; at < content.length; at++) content[at] = at * 31 + (at >> 8) * 7 + (at >> 16) * 13 + version * 101;
      known.set(version, content);
    }
    return content;
  };
}

/** A server that exists only here, on a clock of ours: bytes come in stretches of `stretchMs`, without chance. */
export function createScriptedServer(
  clock: Clock,
  contentOf: Contents,
  manner: (connection: number, nowMs: number) => Manner,
  stretchMs = 400,
): () => ByteSession {
  let connectionCount = 0;

  function answer(
    { version, bytesPerSecond, resumes, hasSize, lastsMs }: Manner,
    wantedByte: number,
    wantedEnd: number | null,
  ) {
    const sizeBytes = contentOf(version).length;
    const startByte = resumes ? wantedByte : 0;
    const endByte = resumes && wantedEnd !== null ? wantedEnd : sizeBytes;
    const facts: SourceFacts = {
      sizeBytes: hasSize ? sizeBytes : null,
      resumable: resumes,
      validator: { etag: `"v${version}"`, lastModified: null },
      suggestedName: 'file.bin',
      finalUrl: 'http://files.example/file.bin',
      mediaType: null,
      digests: [],
    };
    const opened: OpenedRange = {
      facts,
      startByte,
      endByte: hasSize ? endByte : null,
      discard() {},
      async pour(sink, signal) {
        const endsAtMs = clock.mono() + lastsMs;
        for (let at = startByte; at < endByte; ) {
          if (clock.mono() >= endsAtMs) throw new FlotillaError('connection_lost', 'The connection broke.');
          signal.throwIfAborted();
          const until = Math.min(endByte, at + Math.round((bytesPerSecond * stretchMs) / 1000));
          if (!(await sink(contentOf(version).subarray(at, until)))) return;
          at = until;
          if (at < endByte) await pause(clock, stretchMs, signal);
        }
      },
    };
    return opened;
  }

  return () => ({
    async open(startByte, endByte, signal) {
      await pause(clock, 20, signal);
      const now = manner(++connectionCount, clock.mono());
      if (startByte > 0 && startByte >= contentOf(now.version).length)
        throw new FlotillaError('content_changed', 'It is shorter.');
      return answer(now, startByte, endByte);
    },
    close() {},
  });
}

function pause(clock: Clock, durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = clock.setTimer(durationMs, resolve);
    signal.addEventListener('abort', () => {
      timer.cancel();
      reject(signal.reason);
    });
  });
}

/** For worlds in which digests are not what is looked at. */
export const noDigester: Digester = {
  follow: () => ({ advance() {}, finish: async () => [], close() {} }),
  digestPieces: async () => [],
  close() {},
};
