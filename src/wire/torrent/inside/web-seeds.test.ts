import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { releaseAfter, type Scope } from '#testing/temp.ts';
import { readPart } from './web-seeds.ts';

const silenceMs = 3000;

async function serve(t: Scope, answer: (response: ServerResponse) => unknown): Promise<string> {
  const server = createServer((_, response) => answer(response.writeHead(206)));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, () => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.bin`;
}

test('a piece may take longer than a silence may', async (t) => {
  const link = await serve(t, async (response) => {
    for (let at = 0; at < 20; at++) {
      response.write(Buffer.alloc(10, at));
      await sleep(160);
    }
    response.end();
  });
  const part = new Uint8Array(200);
  await readPart(link, 0, part, silenceMs);
  assert.deepEqual([part[0], part[199]], [0, 19]);
});

test('a web seed that falls silent is given up', async (t) => {
  const link = await serve(t, (response) => response.write(Buffer.alloc(10)));
  await assert.rejects(readPart(link, 0, new Uint8Array(200), 300), /silent/);
});
