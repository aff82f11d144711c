import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { Turnstile } from './turnstile.ts';

const never = new AbortController().signal;
const silent = () => {};

test('no more are inside than may be, and who waits is let in in the order of coming', async () => {
  const turnstile = new Turnstile<string>(() => 2);
  const waits: number[] = [];
  const order: string[] = [];
  const enter = async (visitor: string) => {
    const leave = await turnstile.enter('host', visitor, never, (most) => waits.push(most));
    order.push(visitor);
    return leave;
  };
  const [first, second] = [await enter('a'), await enter('b')];
  const [third, fourth] = [enter('c'), enter('d')];
  await turnstile.enter('elsewhere', 'c', never, () => assert.fail('another host has room'));
  assert.deepEqual(
    [order, waits],
    [
      ['a', 'b'],
      [2, 2],
    ],
  );
  first();
  first();
  await third;
  second();
  await fourth;
  assert.deepEqual(order, ['a', 'b', 'c', 'd']);
});

test('who gives up waiting takes no place', async () => {
  const turnstile = new Turnstile<string>(() => 1);
  const leave = await turnstile.enter('host', 'a', never, silent);
  const stop = new AbortController();
  const gone = turnstile.enter('host', 'b', stop.signal, silent);
  const stays = turnstile.enter('host', 'c', never, silent);
  stop.abort(new Error('enough'));
  await assert.rejects(gone, /enough/);
  leave();
  await stays;
  await assert.rejects(turnstile.enter('host', 'd', stop.signal, silent), /enough/);
});

test('who has several is asked for one as long as somebody has none, or when fewer are allowed', async () => {
  let most = 3;
  const turnstile = new Turnstile<string>(() => most);
  const leaves = [];
  for (let count = 0; count < 3; count++) leaves.push(await turnstile.enter('host', 'a', never, silent));
  assert.equal(turnstile.room('host', 'a'), 'full');
  const waiting = turnstile.enter('host', 'b', never, silent);
  assert.equal(turnstile.room('host', 'a'), 'wanted');
  leaves[0]?.();
  await waiting;
  assert.equal(turnstile.room('host', 'a'), 'full');
  most = 2;
  assert.equal(turnstile.room('host', 'a'), 'wanted');
  assert.equal(turnstile.room('host', 'b'), 'full', 'the last one is nobody asked for');
  most = 4;
  assert.equal(turnstile.room('host', 'b'), 'free');
});

test('when more are allowed, those who wait are let in', async () => {
  let most: number | null = 1;
  const turnstile = new Turnstile<number>(() => most);
  await turnstile.enter('host', 1, never, silent);
  const waiting = [2, 3, 4].map((visitor) => turnstile.enter('host', visitor, never, silent));
  most = 2;
  turnstile.changed();
  await waiting[0];
  most = null;
  turnstile.changed();
  await Promise.all(waiting);
});

test('whatever comes and goes, the count is kept and nobody is forgotten', async () => {
  const steps = fc.array(fc.record({ visitor: fc.nat(4), leaves: fc.nat(5) }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), steps, async (most, moves) => {
      const turnstile = new Turnstile<number>(() => most);
      const inside: (() => void)[] = [];
      const all: Promise<void>[] = [];
      for (const { visitor, leaves } of moves) {
        all.push(
          turnstile.enter('host', visitor, never, silent).then((leave) => {
            inside.push(leave);
            assert.ok(inside.length <= most);
          }),
        );
        for (let count = 0; count < leaves; count++) inside.shift()?.();
        await Promise.resolve();
      }
      for (let round = 0; round < moves.length * 4; round++) {
        inside.shift()?.();
        await Promise.resolve();
      }
      await Promise.all(all);
    }),
  );
});
