/** What the sources of one process work with. */
import type { SourceContext } from '#core/source.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { createShared } from '#wire/shared.ts';
import { systemClock as clock } from '#wire/system.ts';
import { openGate } from './outlet.ts';
import type { SourceSettings } from './source-settings.ts';

export type SourceWishes = {
  netAllow: string[];
  settings: SourceSettings;
  searchPath: string;
  /** What documents were read with; when absent, nothing is shared yet. */
  shared?: ReturnType<typeof createShared>;
};

/** `close` ends what the sources share. */
export function createSourceContext({ netAllow, settings, searchPath, shared = createShared() }: SourceWishes): {
  context: SourceContext;
  close(): Promise<void>;
} {
  const connections = createKeptConnections();
  return {
    context: {
      clock,
      egress: openGate(netAllow),
      connections,
      connectTimeoutMs: 30_000,
      settings,
      shared,
      searchPath,
      netAllow,
    },
    close() {
      connections.close();
      return shared.close();
    },
  };
}
