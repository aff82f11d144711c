/** How the machine is: what a worker tells of it. Linux tells all of it, other systems some. */
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism, cpus, loadavg, totalmem } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '#core/clock.ts';
import type { Files } from '#core/files.ts';
import type { Vitals } from '#core/protocol.ts';

export type VitalsOptions = {
  files: Files;
  clock: Clock;
  /** A folder on the disk to tell of. */
  folder: string;
  /** Where /sys is mounted. */
  system?: string;
};

/** Returns a function that looks. What is used of the processors is counted since it looked last. */
export function createVitals({ files, clock, folder, system = '/sys' }: VitalsOptions) {
  const cpuShare = createCpuShare(clock, system);
  return async (): Promise<Omit<Vitals, 'mostFetches' | 'speedBytesPerSecond'>> => {
    const [share, temperature, space] = await Promise.all([
      cpuShare(),
      readTemperature(system),
      files.space(folder).catch(() => null),
    ]);
    return {
      cpuShare: share,
      // Windows has no such figure, and says 0.
      load: process.platform === 'win32' ? null : (loadavg()[0] ?? 0) / availableParallelism(),
      ...memory(),
      diskTotalBytes: space?.sizeBytes ?? null,
      diskFreeBytes: space?.freeBytes ?? null,
      ...temperature,
    };
  };
}

/** Of the container, where it has less than the machine. */
function memory() {
  const machineBytes = totalmem();
  const limitBytes = process.constrainedMemory();
  const memoryTotalBytes = limitBytes > 0 && limitBytes < machineBytes ? limitBytes : machineBytes;
  return { memoryTotalBytes, memoryFreeBytes: Math.min(process.availableMemory(), memoryTotalBytes) };
}

type Used = { busy: number; whole: number };

function createCpuShare(clock: Clock, system: string): () => Promise<number | null> {
  let before: (Used & { isLimited: boolean }) | null = null;
  return async () => {
    const limited = await usedOfLimit(clock, system);
    const now = { ...(limited ?? usedOfMachine()), isLimited: limited !== null };
    const since = before?.isLimited === now.isLimited ? before : null;
    before = now;
    if (since === null || now.whole <= since.whole) return null;
    return Math.min(1, Math.max(0, (now.busy - since.busy) / (now.whole - since.whole)));
  };
}

/** Both in milliseconds of one processor. */
function usedOfMachine(): Used {
  const used = { busy: 0, whole: 0 };
  for (const { times } of cpus()) {
    const busy = times.user + times.nice + times.sys + times.irq;
    used.busy += busy;
    used.whole += busy + times.idle;
  }
  return used;
}

/**
 * What a container with a limit has used, and could have. null: there is no limit.
 * https://docs.kernel.org/admin-guide/cgroup-v2.html, "cpu.max" and "cpu.stat"
 */
async function usedOfLimit(clock: Clock, system: string): Promise<Used | null> {
  const group = join(system, 'fs/cgroup');
  const [quota, period] = (await readText(join(group, 'cpu.max')))?.trim().split(' ').map(Number) ?? [];
  const usedUs = Number(/^usage_usec (\d+)$/m.exec((await readText(join(group, 'cpu.stat'))) ?? '')?.[1]);
  if (!(quota && period && Number.isFinite(usedUs))) return null;
  return { busy: usedUs / 1000, whole: (clock.mono() * quota) / period };
}

/** What is outside of it comes from a sensor that is not connected. */
const plausible = { least: -50, most: 150 };

/** The hottest of what the kernel calls thermal zones and hardware monitors; both in thousandths of a degree. */
async function readTemperature(system: string): Promise<Pick<Vitals, 'temperatureCelsius' | 'temperatureProblem'>> {
  const sensors = [
    ...(await filesBelow(join(system, 'class/thermal'), /^thermal_zone\d+$/, /^temp$/)),
    ...(await filesBelow(join(system, 'class/hwmon'), /^hwmon\d+$/, /^temp\d+_input$/)),
  ];
  if (sensors.length === 0) return { temperatureCelsius: null, temperatureProblem: 'no_sensor' };
  const texts = await Promise.all(sensors.map(readText));
  const read = texts.flatMap((text) => (text === null || text.trim() === '' ? [] : [Number(text) / 1000]));
  const degrees = read.filter((degree) => degree >= plausible.least && degree <= plausible.most);
  if (degrees.length === 0) return { temperatureCelsius: null, temperatureProblem: 'unreadable' };
  return { temperatureCelsius: Math.max(...degrees), temperatureProblem: null };
}

async function filesBelow(folder: string, folders: RegExp, names: RegExp): Promise<string[]> {
  const inner = (await list(folder)).filter((name) => folders.test(name)).map((name) => join(folder, name));
  const found = await Promise.all(
    inner.map(async (each) => (await list(each)).filter((name) => names.test(name)).map((name) => join(each, name))),
  );
  return found.flat();
}

/** A machine without such a folder has none of these things. */
function list(folder: string): Promise<string[]> {
  return readdir(folder).catch(() => []);
}

function readText(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch(() => null);
}
