import assert from 'node:assert/strict';
import { before, describe, test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import type { SourceContext } from '#core/source.ts';
import { noServices } from '#testing/no-services.ts';
import { type Behaviour, behaviourNames, type HostileServer, serveHostile } from '#testing/serve-hostile.ts';
import { sampleBytes } from '#testing/serve-nginx.ts';
import { suiteScope } from '#testing/suite-scope.ts';
import { createEgress } from './egress.ts';
import { fetchSmall } from './http-small.ts';
import { createKeptConnections } from './kept-connections.ts';
import { systemClock } from './system.ts';

type Item = { link: URL };

const body = sampleBytes(5000, 3);
const context: SourceContext = {
  clock: systemClock,
  egress: createEgress({ allow: ['127.0.0.0/8'] }),
  connections: createKeptConnections(),
  connectTimeoutMs: 600,
  ...noServices,
};

/** Runs one connection over the links; every one of them has to come out once. */
async function run(links: URL[], { holdMs = 0, context: own = context } = {}) {
  const waiting: Item[] = links.map((link) => ({ link }));
  const taken = new Map<string, Buffer>();
  const left: string[] = [];
  const list = {
    next: () => waiting.shift() ?? null,
    take({ link }: Item, _facts: unknown, bytes: Uint8Array) {
      assert.ok(!taken.has(link.href) && !left.includes(link.href), 'came out twice');
      taken.set(link.href, Buffer.from(bytes));
      if (holdMs > 0) return new Promise<void>((resolve) => setTimeout(resolve, holdMs));
    },
    leave({ link }: Item) {
      assert.ok(!taken.has(link.href) && !left.includes(link.href), 'came out twice');
      left.push(link.href);
    },
  };
  const wish = await fetchSmall(own, links[0] as URL, {}, list, new AbortController().signal).catch((error) => {
    assert.ok(error instanceof FlotillaError, String(error));
    return false;
  });
  assert.equal(taken.size + left.length + waiting.length, links.length, 'one was lost');
  return { taken, left, waiting, wish };
}

describe('lists of small files', { concurrency: 8 }, () => {
  let server: HostileServer;
  const scope = suiteScope();
  before(async () => {
    server = await serveHostile(scope, { body });
  });
  const links = (count: number) => Array.from({ length: count }, () => new URL(server.url('plain')));

  test('all of them come, several ahead over one connection', async () => {
    const all = links(200);
    const { taken, left, wish } = await run(all);
    assert.equal(wish, true);
    assert.deepEqual(left, []);
    for (const bytes of taken.values()) assert.ok(bytes.equals(body));
    const used = new Set(
      server.requests.filter(({ path }) => all.some(({ href }) => href.endsWith(path))).map(({ connection }) => connection),
    );
    assert.equal(used.size, 1);
  });

  test('one that asks to wait is waited for', async () => {
    const { taken, wish } = await run(links(12), { holdMs: 5 });
    assert.equal(wish, true);
    assert.equal(taken.size, 12);
  });

  /** These lie in ways that only a digest can tell, or are about something else than the bytes. */
  const believed = new Set<Behaviour>([
    'wrong-bytes',
    'silent-change',
    'etag-changes',
    'last-modified-changes',
    'no-validator',
  ]);

  for (const behaviour of behaviourNames) {
    test(`among them one of a server that does this: ${behaviour}`, async () => {
      const odd = new URL(server.url(behaviour));
      const { taken, left } = await run([...links(9), odd, ...links(9)]);
      for (const [href, bytes] of taken) {
        if (href === odd.href && believed.has(behaviour)) continue;
        assert.ok(bytes.equals(body), `wrong bytes of ${href}`);
      }
      for (const href of left) assert.ok(href === odd.href || !taken.has(href));
    });
  }

  test('a server that closes after each answer is not asked for much ahead for long', async () => {
    const all = Array.from({ length: 60 }, () => new URL(server.url('connection-close')));
    const { taken, wish } = await run(all);
    assert.deepEqual([wish, taken.size], [true, 60]);
    const asked = all.reduce((sum, { href }) => sum + server.requestsOf(href).length, 0);
    assert.ok(asked < 70, `${asked} requests for 60 files`);
  });

  test('links with a password take the ordinary way', async () => {
    const [first, second] = links(2) as [URL, URL];
    first.username = 'user';
    const { left, taken } = await run([first, second]);
    assert.deepEqual([left, [...taken.keys()]], [[first.href], [second.href]]);
  });

  test('a server that wants patience is left to the ordinary way', async () => {
    const busy = Array.from({ length: 5 }, () => new URL(server.url('always-503')));
    const { taken, wish, left } = await run([...busy, ...links(5)]);
    assert.deepEqual([wish, taken.size, left.length], [false, 0, 1]);
  });

  test('large files are no small ones', async (t) => {
    const large = await serveHostile(t, { body: sampleBytes(300_000, 1) });
    const { taken, wish, left } = await run(Array.from({ length: 10 }, () => new URL(large.url('plain'))));
    assert.deepEqual([wish, taken.size, left.length], [false, 0, 3]);
  });
});
