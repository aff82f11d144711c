import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mostReportBytes, reportRequest } from '#api/contract/worker-shapes.ts';
import type { TaskProgress } from '#core/protocol.ts';
import { withinReport } from './progress.ts';

const far = 2 ** 45;

/** A task whose bytes lie in so many places, every third of them larger, and come over so many connections. */
function scattered(index: number, count: number, connectionCount = 0): TaskProgress {
  const ranges = Array.from({ length: count }, (_, at): [number, number] => [
    far + at * 100,
    far + at * 100 + (at % 3 === 0 ? 50 : 10),
  ]);
  return {
    taskId: `018f0000-0000-7000-8000-${String(index).padStart(12, '0')}`,
    epoch: 1_700_000_000,
    phase: 'fetch',
    doneBytes: far,
    sizeBytes: 2 * far,
    speedBytesPerSecond: 123_456_789.123,
    connections: Array.from({ length: connectionCount }, (_, at) => ({
      mirror: `[2001:db8::${at}]:51413`,
      ...{ startByte: far, position: far, endByte: far, speedBytesPerSecond: 123_456.789 },
    })),
    ranges,
    stretches: ['one.example.org', 'two.example.org'].map((mirror) => ({ mirror, ranges })),
  };
}

for (const [tasks, count, connections] of [
  [1, 10_000, 0],
  [1, 0, 500],
  [64, 5000, 200],
  [1000, 500, 200],
] as const) {
  test(`the report of ${tasks} tasks in ${count} pieces over ${connections} connections each is one that the contract takes`, () => {
    const all = Array.from({ length: tasks }, (_, index) => scattered(index, count, connections));
    const holding = Array(30_000).fill('018f0000-0000-7000-8000-000000000000');
    const report = { workerId: 'w', ...withinReport({ tasks: all, holding, spareBytes: null }) };
    assert.equal(report.tasks.length, tasks);
    assert.ok(reportRequest.safeParse(report).success);
    assert.ok(JSON.stringify(report).length <= mostReportBytes, String(JSON.stringify(report).length));
  });
}

test('of too many pieces the largest are told, in order', () => {
  const [told] = withinReport({ tasks: [scattered(0, 9000)], holding: [], spareBytes: null }).tasks;
  const sizes = told?.ranges.map(([startByte, endByte]) => endByte - startByte) ?? [];
  assert.equal(sizes.filter((size) => size === 50).length, 3000);
  assert.deepEqual(
    told?.ranges,
    told?.ranges.toSorted((a, b) => a[0] - b[0]),
  );
});

test('what fits is told as it is', () => {
  const report = { tasks: [scattered(0, 100)], holding: ['a'], spareBytes: 5 };
  assert.deepEqual(withinReport(report), report);
});

test('a mirror that is named by a long link is told by the beginning of it', () => {
  const mirror = `https://cdn.example.org/file.iso?signature=${'0123456789'.repeat(50)}`;
  const open = { startByte: 0, position: 10, endByte: null, speedBytesPerSecond: 5 };
  const task = { ...scattered(0, 1), connections: [{ mirror, ...open }], stretches: [{ mirror, ranges: [] }] };
  const report = { workerId: 'w', ...withinReport({ tasks: [task], holding: [], spareBytes: null }) };
  assert.ok(reportRequest.safeParse(report).success);
  const [told] = report.tasks;
  assert.match(told?.connections[0]?.mirror ?? '', /^https:\/\/cdn\.example\.org\/file\.iso\?signature=0123.*…$/);
  assert.equal(told?.stretches[0]?.mirror, told?.connections[0]?.mirror);
});

test('a disk on which more is promised than there is has no room', () => {
  const report = { workerId: 'w', ...withinReport({ tasks: [], holding: [], spareBytes: -5 }) };
  assert.equal(report.spareBytes, 0);
  assert.ok(reportRequest.safeParse(report).success);
});
