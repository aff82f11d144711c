/** A second process for the tests: holds the database, or adds rows and prints each one that was acknowledged. */
import { writeSync } from 'node:fs';
import { createFakeClock } from '#testing/fake-clock.ts';
import { openPostgresStore } from '../postgres/postgres.ts';
import { openSqliteStore } from '../sqlite/sqlite.ts';

const [, , path = '', task = 'hold'] = process.argv;
try {
  const options = { clock: createFakeClock() };
  const store = await (path.startsWith('postgres:') ? openPostgresStore(path, options) : openSqliteStore(path, options));
  writeSync(1, task === 'hold' ? 'ready\n' : '');
  setInterval(() => {}, 1000);
  for (let index = 0; task !== 'hold'; index++) {
    const keys = [0, 1, 2].map((part) => `${task}${index}.${part}`);
    await Promise.all(
      keys.map(async (key) => {
        await store.write((tx) => tx.meta.put(key, 'value'));
        writeSync(1, `${key}\n`);
      }),
    );
  }
} catch (error) {
  writeSync(2, error instanceof Error ? error.message : String(error));
  process.exit(3);
}
