import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createFakeClock } from '#testing/fake-clock.ts';
import fc from '#testing/fast-check.ts';
import { Limiter, type Payer } from './limiter.ts';

/** A connection to a server that always has more: takes chunks of a size, or smaller ones when it is told to. */
type Connection = { payer: Payer; takenBytes: number; chunkBytes: number; isHeld: boolean };

function startWorld(bytesPerSecond: number | null) {
  const clock = createFakeClock();
  const limiter = new Limiter(clock, bytesPerSecond);
  const all: Connection[] = [];

  function take(connection: Connection): void {
    // An unlimited server is as fast as this.
    const endBytes = connection.takenBytes + 1024 * 1024;
    while (connection.takenBytes < endBytes) {
      const sizeBytes = Math.min(connection.chunkBytes, connection.payer.mostBytes());
      connection.takenBytes += sizeBytes;
      const wait = connection.payer.pay(sizeBytes);
      if (wait === null) continue;
      connection.isHeld = true;
      wait.then(() => {
        connection.isHeld = false;
      });
      return;
    }
  }
  return {
    limiter,
    connect(group: object, chunkBytes: number): Connection {
      const connection = { payer: limiter.join(group), takenBytes: 0, chunkBytes, isHeld: false };
      all.push(connection);
      return connection;
    },
    totalBytes: () => all.reduce((sum, { takenBytes }) => sum + takenBytes, 0),
    /** Time goes in steps: real timers are late too. */
    async pass(durationMs: number, stepMs = 5): Promise<void> {
      for (let passedMs = 0; passedMs < durationMs; passedMs += stepMs) {
        for (const connection of all) if (!connection.isHeld) take(connection);
        clock.advance(stepMs);
        await turn();
      }
    },
  };
}

const speeds = fc.integer({ min: 16 * 1024, max: 32 * 1024 * 1024 });
/** Downloads, each with the chunk sizes of its connections. */
const downloads = fc.array(fc.array(fc.integer({ min: 256, max: 512 * 1024 }), { minLength: 1, maxLength: 8 }), {
  minLength: 1,
  maxLength: 5,
});

function isWithin(bytes: number, wantedBytes: number, share: number, what: string): void {
  assert.ok(Math.abs(bytes / wantedBytes - 1) <= share, `${what}: ${bytes} of ${wantedBytes} bytes`);
}

test('over any ten seconds the speed is kept within 5 %, however many share it, and they share it alike', async () => {
  await fc.assert(
    fc.asyncProperty(speeds, downloads, fc.integer({ min: 0, max: 3000 }), async (bytesPerSecond, sizes, beforeMs) => {
      const world = startWorld(bytesPerSecond);
      const groups = sizes.map((chunks) => {
        const group = {};
        return chunks.map((chunkBytes) => world.connect(group, chunkBytes));
      });
      await world.pass(beforeMs, 20);
      const startBytes = world.totalBytes();
      const startOf = groups.map((group) => totalOf(group));
      await world.pass(10_000, 20);
      isWithin(world.totalBytes() - startBytes, 10 * bytesPerSecond, 0.05, 'all together');
      for (const [index, group] of groups.entries()) {
        const bytes = totalOf(group) - (startOf[index] as number);
        isWithin(bytes, (10 * bytesPerSecond) / groups.length, 0.15, `download ${index}`);
      }
    }),
    { numRuns: 40 },
  );
});

test('a speed that changes is kept from then on, and a lifted one holds nobody back', async () => {
  await fc.assert(
    fc.asyncProperty(speeds, speeds, async (before, after) => {
      const world = startWorld(before);
      for (const chunkBytes of [1000, 100_000, 500_000]) world.connect({}, chunkBytes);
      await world.pass(2000);
      world.limiter.change(after);
      const startBytes = world.totalBytes();
      await world.pass(10_000, 20);
      isWithin(world.totalBytes() - startBytes, 10 * after, 0.05, `from ${before} to ${after}`);
      world.limiter.change(null);
      const liftedBytes = world.totalBytes();
      await world.pass(20);
      assert.ok(world.totalBytes() - liftedBytes >= 3 * 3 * 1024 * 1024, 'everybody runs');
    }),
    { numRuns: 20 },
  );
});

test('small chunks on one connection get as much as large ones on another', async () => {
  const world = startWorld(1024 * 1024);
  const [small, large] = [world.connect({}, 100), world.connect({}, 512 * 1024)];
  await world.pass(10_000);
  isWithin(small.takenBytes, large.takenBytes, 0.1, 'small beside large');
});

test('a download with one connection gets as much as one with eight', async () => {
  const world = startWorld(1024 * 1024);
  const [one, eight] = [{}, {}];
  const alone = world.connect(one, 16_384);
  const many = Array.from({ length: 8 }, () => world.connect(eight, 16_384));
  await world.pass(10_000);
  isWithin(alone.takenBytes, totalOf(many), 0.1, 'one beside eight');
});

test('what one does not use goes to the others', async () => {
  const world = startWorld(1000_000);
  const slow = world.connect({}, 1);
  slow.isHeld = true;
  const fast = world.connect({}, 16_384);
  await world.pass(10_000);
  isWithin(fast.takenBytes, 10_000_000, 0.05, 'the only one that takes');
});

test('time that nobody used is not saved up', async () => {
  const world = startWorld(1000_000);
  const connection = world.connect({}, 16_384);
  connection.isHeld = true;
  await world.pass(60_000, 1000);
  assert.notEqual(connection.payer.pay(400_000), null, 'a large chunk has to wait');
  connection.isHeld = false;
  await world.pass(1000);
  assert.ok(connection.takenBytes <= 800_000, `${connection.takenBytes} bytes in a second`);
});

test('who leaves waits no more, and what it took ahead is paid by the others', async () => {
  const world = startWorld(1000_000);
  const leaving = world.limiter.join({});
  let isFree = false;
  leaving.pay(500_000)?.then(() => {
    isFree = true;
  });
  leaving.leave();
  leaving.leave();
  await turn();
  assert.ok(isFree);
  const connection = world.connect({}, 16_384);
  await world.pass(1000);
  isWithin(connection.takenBytes, 550_000, 0.1, 'half a second was taken already');
});

test('small files pay too, although each of them is done before it owes much', async () => {
  const world = startWorld(100_000);
  let takenBytes = 0;
  let isHeld = false;
  for (let step = 0; step < 2000; step++) {
    for (let file = 0; file < 50 && !isHeld; file++) {
      const payer = world.limiter.join({});
      takenBytes += 1000;
      const wait = payer.pay(1000);
      isHeld = wait !== null;
      if (wait === null) payer.leave();
      else
        wait.then(() => {
          isHeld = false;
          payer.leave();
        });
    }
    await world.pass(5);
  }
  isWithin(takenBytes, 1_000_000, 0.05, 'in ten seconds');
});

test('without a limit nobody is ever asked to wait', () => {
  const payer = new Limiter(createFakeClock(), null).join({});
  for (let index = 0; index < 1000; index++) assert.equal(payer.pay(512 * 1024), null);
});

function totalOf(connections: Connection[]): number {
  return connections.reduce((sum, { takenBytes }) => sum + takenBytes, 0);
}
