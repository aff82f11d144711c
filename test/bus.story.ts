/** A server as a process of its own that tells others on a NATS what is new. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect } from '@nats-io/transport-node';
import { createClient } from '#client/client.ts';
import { startProcess } from '#testing/process.ts';
import { launcher } from '#testing/run-get.ts';
import { serveNats } from '#testing/serve-nats.ts';
import { freePort, releaseAfter, tempFolder } from '#testing/temp.ts';

const token = 'the token of this story';

test('a server tells a NATS what is new, also one that came after it', { timeout: 60_000 }, async (t) => {
  const [port, busPort] = [await freePort(), await freePort()];
  const flags = [
    '--data',
    join(tempFolder(t), 'data'),
    '--port',
    String(port),
    '--bus',
    `nats://anna:geheim@127.0.0.1:${busPort}`,
  ];
  const server = await startProcess(t, launcher, ['server', ...flags], {
    env: { FLOTILLA_BOOTSTRAP_TOKEN: token },
    ready: /^ready http/m,
    readySeconds: 50,
  });
  assert.match(server.stderr, /"level":"warn".*NATS at nats:\/\/127\.0\.0\.1:\d+ cannot be used \(ECONNREFUSED\)/);

  await serveNats(t, { port: busPort, configuration: 'authorization { user: anna, password: geheim }' });
  const other = await connect({ servers: `127.0.0.1:${busPort}`, user: 'anna', pass: 'geheim' });
  releaseAfter(t, () => other.close());
  const heard: string[] = [];
  other.subscribe('flotilla.*', { callback: (_error, message) => void heard.push(`${message.subject} ${message.string()}`) });
  await server.until(/NATS at \S+ is there/);
  const client = createClient({ baseUrl: `http://127.0.0.1:${port}`, token });
  await client.addDownload({ body: { url: 'https://example.org/file.iso' } });
  for (let count = 0; !heard.some((text) => text.includes('{"kind":"events"}')); count++) {
    assert.ok(count < 500, `only ${heard.join()} was told`);
    await sleep(20);
  }
  assert.match(heard[0] ?? '', /^flotilla\.[\w-]{20,} /);
  const { code } = await server.stop();
  assert.deepEqual([code, /geheim/.test(server.stderr)], [0, false]);
});
