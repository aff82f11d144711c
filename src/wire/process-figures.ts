/** What every program tells of itself, under the names that Prometheus' own clients use. */
import { readdirSync, readFileSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Meter } from '#lib/meter.ts';

/** Looks at this process until it ends. */
export function meterProcess(meter: Meter, about: { version: string }): void {
  meter.gauge('flotilla_build_info', 'Always 1; which program this is.', () => {
    return [{ labels: { version: about.version, node: process.versions.node }, value: 1 }];
  });
  meter.total('process_cpu_seconds_total', 'Processor time, of user and system together.', () => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  });
  meter.gauge('process_resident_memory_bytes', 'Memory that is really taken.', () => process.memoryUsage.rss());
  meter.gauge('process_heap_bytes', 'Memory of JavaScript that is in use.', () => process.memoryUsage().heapUsed);
  const startedAtMs = Date.now() - process.uptime() * 1000;
  meter.gauge('process_start_time_seconds', 'When it started, in seconds since 1970.', () => startedAtMs / 1000);
  meter.gauge('process_open_fds', 'Files and connections that are open.', () => readdirSync('/proc/self/fd').length - 1);
  meter.gauge('process_max_fds', 'How many may be open.', () => openFileLimit() ?? []);

  // It tells from one look at the clock to the next, which are this far apart when nothing is late.
  const lookEveryMs = 20;
  const delay = monitorEventLoopDelay({ resolution: lookEveryMs });
  delay.enable();
  meter.gauge(
    'flotilla_event_loop_delay_p99_seconds',
    'How late 99 % of what is due begins at most, since the last look.',
    () => {
      const betweenMs = delay.count === 0 ? 0 : delay.percentile(99) / 1e6;
      delay.reset();
      return Math.max(0, betweenMs - lookEveryMs) / 1000;
    },
  );
}

/** How many files this process may have open; null when nobody can tell. */
export function openFileLimit(): number | null {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? null : Number(soft);
  } catch {
    return null;
  }
}
