import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ByteHands, lateHands } from './late-source.ts';
import type { ByteSession, OpenedRange, SourceContext } from './source.ts';

const context = {} as SourceContext;
const link = new URL('ftp://example.org/file');
const never = new AbortController().signal;

/** What was opened is told with what it was asked for. */
function late(session: Partial<ByteSession> | Error) {
  const asked: unknown[] = [];
  const hands = {
    openSession() {
      if (session instanceof Error) throw session;
      return {
        open: async (...range: unknown[]) => asked.push(range.slice(0, 2)) as unknown as OpenedRange,
        close: () => asked.push('closed'),
        ...session,
      };
    },
    probe: async (_context: SourceContext, { href }: URL) => asked.push(href),
  } as unknown as ByteHands;
  let loads = 0;
  const source = lateHands(async () => {
    loads += 1;
    return hands;
  });
  return { source, asked, loads: () => loads };
}

test('nothing is loaded before a link comes, and once for all that come', async () => {
  const { source, asked, loads } = late({});
  assert.equal(loads(), 0);
  await source.probe(context, link, {}, never);
  await source.probe(context, link, {}, never);
  assert.deepEqual([asked, loads()], [[link.href, link.href], 1]);
});

test('a session that is opened before its source is loaded opens ranges, tells of room and closes', async () => {
  const { source, asked } = late({ room: () => 'full' });
  const session = source.openSession(context, link, {});
  await session.open(5, 10, never);
  assert.equal(session.room?.(), 'full');
  session.close();
  await new Promise(setImmediate);
  assert.deepEqual(asked, [[5, 10], 'closed']);
  assert.equal(source.openSession(context, link, {}).room?.(), 'full');
});

test('a session that cannot be made says so when it is opened, and closes all the same', async () => {
  const { source } = late(new Error('no such bucket'));
  const session = source.openSession(context, link, {});
  await assert.rejects(session.open(0, null, never), /no such bucket/);
  session.close();
});
