import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { vitals as vitalsShape } from '#api/contract/shapes.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { systemFiles as files, systemClock } from './system.ts';
import { createVitals } from './vitals.ts';

/** A /sys with these files, and how a machine with it is. */
function machine(t: Scope, about: Record<string, string>) {
  const system = tempFolder(t);
  const put = (path: string, text: string) => {
    mkdirSync(dirname(join(system, path)), { recursive: true });
    writeFileSync(join(system, path), text);
  };
  for (const [path, text] of Object.entries(about)) put(path, text);
  const clock = createFakeClock();
  return { put, clock, look: createVitals({ files, clock, folder: system, system }) };
}

const temperatures: [what: string, about: Record<string, string>, celsius: number | null, problem: string | null][] = [
  [
    'the hottest sensor counts',
    { 'class/thermal/thermal_zone0/temp': '48000\n', 'class/hwmon/hwmon1/temp2_input': '61500\n' },
    61.5,
    null,
  ],
  ['a sensor that is not connected does not count', { 'class/hwmon/hwmon0/temp1_input': '255000\n' }, null, 'unreadable'],
  ['an empty sensor cannot be read', { 'class/thermal/thermal_zone0/temp': '' }, null, 'unreadable'],
  ['a machine without sensors says so', { 'class/thermal/cooling_device0/type': 'Fan\n' }, null, 'no_sensor'],
];
for (const [what, about, celsius, problem] of temperatures) {
  test(what, async (t) => {
    const { temperatureCelsius, temperatureProblem } = await machine(t, about).look();
    assert.deepEqual([temperatureCelsius, temperatureProblem], [celsius, problem]);
  });
}

test('in a container with half a processor, half a processor is all of it', async (t) => {
  const { put, clock, look } = machine(t, {
    'fs/cgroup/cpu.max': '50000 100000\n',
    'fs/cgroup/cpu.stat': 'usage_usec 1000000\nuser_usec 1\n',
  });
  assert.equal((await look()).cpuShare, null, 'nothing to compare with yet');
  clock.advance(10_000);
  put('fs/cgroup/cpu.stat', 'usage_usec 3500000\nuser_usec 1\n');
  assert.equal((await look()).cpuShare, 0.5);
});

test('this machine tells what the contract takes', async (t) => {
  const look = createVitals({ files, clock: systemClock, folder: tempFolder(t) });
  await look();
  // Work enough that it shows in counts of 10 ms.
  for (const endsAtMs = performance.now() + 60; performance.now() < endsAtMs; );
  const vitals = { ...(await look()), mostFetches: 16, speedBytesPerSecond: 0 };
  assert.deepEqual(vitalsShape.parse(vitals), vitals);
  assert.ok((vitals.cpuShare ?? 0) > 0 || vitals.cpuShare === null, String(vitals.cpuShare));
  assert.ok((vitals.memoryFreeBytes ?? 0) > 0 && (vitals.diskFreeBytes ?? 0) > 0);
});
