/** What was acknowledged is there, however often the server is killed. The long run is `node bench/server-kills.ts`. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { killServers } from '#testing/kill-servers.ts';
import { servePostgres } from '#testing/serve-postgres.ts';
import { tempFolder } from '#testing/temp.ts';

describe('a server that is killed', { concurrency: 2 }, () => {
  test('loses nothing that it acknowledged, on the embedded database (Q1)', async (t) => {
    const { acknowledged, lost } = await killServers(t, 8, ['--data', tempFolder(t)]);
    assert.deepEqual(lost, []);
    assert.ok(acknowledged > 50, `only ${acknowledged} were added`);
  });

  test('loses nothing that it acknowledged, on PostgreSQL (Q1)', async (t) => {
    const database = await (await servePostgres(t)).newDatabase();
    const { acknowledged, lost } = await killServers(t, 8, ['--data', join(tempFolder(t), 'data'), '--database', database]);
    assert.deepEqual(lost, []);
    assert.ok(acknowledged > 50, `only ${acknowledged} were added`);
  });
});
