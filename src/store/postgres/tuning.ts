import type { RunQuery } from './connection.ts';

/**
 * Rows that change all the time leave dead ones behind, which whoever looks for the first in a queue has to step over.
 * So room is left beside them for their next version, and they are cleaned up after so many changes, however large the table is.
 * https://www.postgresql.org/docs/current/sql-createtable.html#SQL-CREATETABLE-STORAGE-PARAMETERS
 */
const settings: Record<string, string> = {
  tasks:
    'fillfactor = 70, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0',
  downloads: 'fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02',
  workers: 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500',
  counters: 'fillfactor = 10, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500',
  daily: 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000',
  totals: 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500',
  shares: 'fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 500',
};

/** Tables that somebody has tuned already stay as they are. */
export async function tuneTables(run: RunQuery): Promise<void> {
  const { rows } = await run<{ name: string }>(
    'select relname as name from pg_class where relnamespace = current_schema()::regnamespace and reloptions is not null',
  );
  const tuned = new Set(rows.map(({ name }) => name));
  for (const [table, options] of Object.entries(settings)) {
    if (!tuned.has(table)) await run(`alter table "${table}" set (${options})`);
  }
}
