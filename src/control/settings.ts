import type { Transaction } from '#core/store.ts';
import type { Settings } from './control.ts';
import { recordEvents, systemEvent } from './events.ts';
import { keepProxies } from './kept-proxies.ts';
import { keepStages } from './kept-stages.ts';
import type { Parts } from './parts.ts';
import { requeueAll } from './queue/requeue-mark.ts';

const defaultSettings: Settings = {
  parallelDownloads: 3,
  connections: 16,
  maxTries: 5,
  limitBytesPerSecond: null,
  hostRules: [],
  timetable: null,
  limitedBytesPerSecond: 1024 * 1024,
  proxies: [],
  trashDays: 7,
  keepHistoryDays: null,
  stages: [],
};

const key = 'settings';

export async function readSettings(tx: Transaction): Promise<Settings> {
  const stored = await tx.meta.get(key);
  return { ...defaultSettings, ...(stored === null ? {} : JSON.parse(stored)) };
}

export function changeSettings(parts: Parts, change: Partial<Settings>): Promise<Settings> {
  return parts.store.write(async (tx) => {
    const before = await readSettings(tx);
    const settings = { ...before, ...change };
    if (change.proxies !== undefined) settings.proxies = await keepProxies(parts, tx, change.proxies, before.proxies);
    if (change.stages !== undefined) settings.stages = await keepStages(parts, tx, change.stages, before.stages);
    await tx.meta.put(key, JSON.stringify(settings));
    if (labelsOf(settings) !== labelsOf(before)) await requeueAll(tx);
    await recordEvents(parts, tx, [systemEvent(parts, 'settings.changed', 'Settings were changed.', settings)]);
    tx.afterCommit(parts.rules.outdate);
    // More may run now.
    tx.afterCommit(parts.wake);
    return settings;
  });
}

/** What decides which workers may fetch from where. */
function labelsOf({ hostRules, stages }: Settings): string {
  const ofHosts = hostRules.map(({ host, labels = [] }) => [host, labels]);
  return JSON.stringify([ofHosts, stages.map(({ name, labels }) => [name, labels])]);
}
