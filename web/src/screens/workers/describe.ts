/** What is said of a worker, in words and colours: one place for the list, the cards and the details. */
import type { Worker } from '../../types.ts';
import { show, t } from '../../words/words.ts';

/** Less than this share of its disk free is worth a look. */
const lowDiskShare = 0.05;
const yearMs = 366 * 86_400_000;

export type WorkerState = { tone: 'good' | 'idle' | 'warn'; sign: '●' | '○' | '⚠' | '⏸'; text: string };

export function describeWorker({ state, wanted, activeTasks, maxFetches, vitals, seenAtMs }: Worker): WorkerState {
  if (state === 'lost') return { tone: 'idle', sign: '○', text: t('workers.away', { time: awaySince(seenAtMs) }) };
  if (wanted === 'drain') {
    return { tone: 'idle', sign: '⏸', text: t(activeTasks > 0 ? 'workers.draining' : 'workers.drained') };
  }
  if (wanted === 'pause') return { tone: 'idle', sign: '⏸', text: t('workers.paused') };
  if (vitals !== null && isDiskLow(vitals)) {
    const used = show.percent((vitals.diskTotalBytes ?? 0) - (vitals.diskFreeBytes ?? 0), vitals.diskTotalBytes ?? 0);
    return { tone: 'warn', sign: '⚠', text: t('workers.diskFull', { share: used }) };
  }
  const most = mostOf({ maxFetches, vitals });
  const busy = show.count(activeTasks);
  if (most === null) return { tone: 'good', sign: '●', text: busy };
  return { tone: 'good', sign: '●', text: t('workers.busy', { busy, most: show.count(most) }) };
}

/** Most downloads at once: what its machine says, or less if somebody wants less. */
export function mostOf({ maxFetches, vitals }: Pick<Worker, 'maxFetches' | 'vitals'>): number | null {
  const own = vitals?.mostFetches ?? null;
  return maxFetches === null || own === null ? (maxFetches ?? own) : Math.min(maxFetches, own);
}

/** `—` is told with its reason. */
export function temperatureOf({ vitals }: Worker): { text: string; reason: string | null } {
  if (vitals?.temperatureCelsius != null) return { text: `${Math.round(vitals.temperatureCelsius)}\u00a0°C`, reason: null };
  return { text: '—', reason: t(`workers.noTemperature.${vitals?.temperatureProblem ?? 'unknown'}`) };
}

export function cpuOf({ vitals }: Worker): string {
  return vitals?.cpuShare == null ? '—' : show.percent(Math.round(vitals.cpuShare * 100), 100);
}

export function bytesOrNone(sizeBytes: number | null | undefined): string {
  return sizeBytes == null ? '—' : show.bytes(sizeBytes);
}

function isDiskLow({ diskTotalBytes, diskFreeBytes }: NonNullable<Worker['vitals']>): boolean {
  return diskTotalBytes !== null && diskFreeBytes !== null && diskFreeBytes < diskTotalBytes * lowDiskShare;
}

function awaySince(seenAtMs: number): string {
  const awayMs = Math.min(yearMs, Math.max(0, Date.now() - seenAtMs));
  return show.duration(Math.max(60, Math.round(awayMs / 60_000) * 60));
}
