/** Sources whose code is loaded when the first link comes: most commands need one of them. */
import type { ByteSession, Source, SourceOptions } from './source.ts';

/** What a source that reads bytes does, but for knowing its links. */
export type ByteHands = Required<Pick<Source, 'probe' | 'openSession' | 'changedSince'>> & SourceOptions;

/** The same, before it is loaded. What `openSession` would throw comes from `open` then. */
export function lateHands(load: () => Promise<ByteHands>) {
  let loaded: ByteHands | null = null;
  const hands = async () => {
    loaded ??= await load();
    return loaded;
  };
  return {
    options: hands,
    probe: async (...given) => (await hands()).probe(...given),
    changedSince: async (...given) => (await hands()).changedSince(...given),
    openSession: (...given) =>
      loaded?.openSession(...given) ?? lateSession(hands().then(({ openSession }) => openSession(...given))),
  } satisfies Partial<Source>;
}

function lateSession(opening: Promise<ByteSession>): ByteSession {
  let session: ByteSession | null = null;
  opening.then(
    (opened) => {
      session = opened;
    },
    () => {},
  );
  return {
    open: async (...range) => (await opening).open(...range),
    room: () => session?.room?.() ?? 'free',
    close: () => void opening.then((opened) => opened.close()).catch(() => {}),
  };
}
