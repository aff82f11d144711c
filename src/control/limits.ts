/** What each worker keeps to at this moment, from settings, timetable, users and the downloads that run. */
import { ruleFor, type WorkerLimits } from '#core/limits.ts';
import type { Transaction } from '#core/store.ts';
import { type HourSpeed, speedAt } from '#core/timetable.ts';
import type { Settings } from './control.ts';
import type { Lease } from './leases.ts';
import type { Parts } from './parts.ts';

export function speedNow({ clock, timeZone }: Parts, { timetable }: Settings): HourSpeed {
  return speedAt(timetable, clock.now(), timeZone);
}

/**
 * A limit that several workers are under is shared by how many downloads each of them fetches that it is about. What one
 * worker gets less, because another begins, it hears with its next report.
 */
export async function limitsOf(parts: Parts, tx: Transaction, workerId: string, settings: Settings): Promise<WorkerLimits> {
  const fetches = [...parts.leases.all()].filter(({ kind, downloadId }) => kind === 'fetch' && downloadId !== null);
  const share = (concerns: (lease: Lease) => boolean) => {
    const concerned = fetches.filter(concerns);
    const own = concerned.filter((lease) => lease.workerId === workerId);
    return own.length === 0 ? 1 : own.length / concerned.length;
  };
  const part = (bytesPerSecond: number, of: number) => Math.max(1, Math.floor(bytesPerSecond * of));
  const all = limitOfAll(settings, speedNow(parts, settings));
  const owners = new Set(fetches.filter((lease) => lease.workerId === workerId).map(({ ownerId }) => ownerId));
  const limited = (await tx.users.list()).filter(({ id }) => owners.has(id));
  return {
    bytesPerSecond:
      all === null
        ? null
        : part(
            all,
            share(() => true),
          ),
    hosts: settings.hostRules.map((rule) => {
      const { host, bytesPerSecond, connections } = rule;
      const of = share((lease) => ruleFor(lease.host ?? '', settings.hostRules) === rule);
      return {
        host,
        bytesPerSecond: bytesPerSecond === null ? null : part(bytesPerSecond, of),
        connections: connections === null ? null : part(connections, of),
      };
    }),
    users: limited.flatMap(({ id: ownerId, limitBytesPerSecond }) => {
      if (limitBytesPerSecond === null) return [];
      return {
        ownerId,
        bytesPerSecond: part(
          limitBytesPerSecond,
          share((lease) => lease.ownerId === ownerId),
        ),
      };
    }),
    downloads: fetches.flatMap((lease) => {
      const { downloadId, limitBytesPerSecond } = lease;
      if (lease.workerId !== workerId || downloadId === null || limitBytesPerSecond === null) return [];
      return { downloadId, bytesPerSecond: limitBytesPerSecond };
    }),
  };
}

function limitOfAll({ limitBytesPerSecond, limitedBytesPerSecond }: Settings, speed: HourSpeed): number | null {
  if (speed !== 'limited') return limitBytesPerSecond;
  return Math.min(limitBytesPerSecond ?? Number.POSITIVE_INFINITY, limitedBytesPerSecond);
}
