/**
 * Installs the programs the tests (and with `--bench` the benchmarks) need and that are missing, and only those.
 * Does nothing, at once, when all of them are there.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { bringYtDlp } from './yt-dlp.ts';

type Program = {
  command: string;
  /** Debian packages that bring it, the preferred one first. */
  packages: readonly [string, ...string[]];
  use: 'tests' | 'bench';
};

const programs: readonly Program[] = [
  { command: 'nginx', packages: ['nginx-extras', 'nginx'], use: 'tests' },
  { command: 'chromium', packages: ['chromium'], use: 'tests' },
  { command: 'openssl', packages: ['openssl'], use: 'tests' },
  { command: 'promtool', packages: ['prometheus'], use: 'tests' },
  { command: 'initdb', packages: ['postgresql-15', 'postgresql'], use: 'tests' },
  // Ceph, which speaks S3.
  { command: 'radosgw', packages: ['radosgw'], use: 'tests' },
  { command: 'ceph-mon', packages: ['ceph-mon'], use: 'tests' },
  { command: 'ceph-osd', packages: ['ceph-osd'], use: 'tests' },
  { command: 'sshd', packages: ['openssh-server'], use: 'tests' },
  { command: 'nats-server', packages: ['nats-server'], use: 'tests' },
  { command: 'proftpd', packages: ['proftpd-mod-crypto'], use: 'tests' },
  { command: 'tc', packages: ['iproute2'], use: 'tests' },
  { command: 'aria2c', packages: ['aria2'], use: 'tests' },
  { command: 'transmission-daemon', packages: ['transmission-daemon'], use: 'tests' },
  { command: 'qbittorrent-nox', packages: ['qbittorrent-nox'], use: 'tests' },
  { command: 'deluged', packages: ['deluged'], use: 'tests' },
  { command: 'deluge-web', packages: ['deluge-web'], use: 'tests' },
  { command: 'rtorrent', packages: ['rtorrent'], use: 'tests' },
  { command: 'ffmpeg', packages: ['ffmpeg'], use: 'tests' },
  { command: 'python3', packages: ['python3'], use: 'tests' },
  { command: 'curl', packages: ['curl'], use: 'bench' },
];

/** A machine that has just started may be busy with its own updates. */
const waitForLock = ['-o', 'DPkg::Lock::Timeout=120'];

const withBench = process.argv.includes('--bench');
const missing = programs.filter(({ command, use }) => (use === 'tests' || withBench) && !isInstalled(command));
if (missing.length > 0) install(missing);
bringYtDlp();

function install(wanted: readonly Program[]): void {
  const names = wanted.map(({ command }) => command).join(', ');
  if (!isInstalled('apt-get')) {
    fail(`Missing: ${names}. This system has no apt-get; please install them by hand and run this again.`);
  }
  const isRoot = process.getuid?.() === 0;
  if (!isRoot && !isInstalled('sudo')) {
    fail(`Missing: ${names}. Installing needs root: please run "apt-get install ${packagesOf(wanted).join(' ')}" as root.`);
  }
  console.error(`Installing what is missing: ${names}`);
  const apt = (...args: string[]) => {
    const command = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-q', '-y', ...waitForLock, ...args];
    const [program = '', ...rest] = isRoot ? command : ['sudo', ...command];
    // Talk goes to stderr, so that whoever calls us keeps a clean stdout.
    return spawnSync(program, rest, { stdio: ['inherit', process.stderr, process.stderr] }).status === 0;
  };
  if (!apt('update')) console.error('apt-get update failed; trying with the lists that are there.');
  const packages = packagesOf(wanted);
  apt('install', '--no-install-recommends', ...packages);
  const left = wanted.filter(({ command }) => !isInstalled(command));
  if (left.length > 0) {
    fail(
      `Could not install ${left.map(({ command }) => command).join(', ')}. Please run "apt-get install ${packages.join(' ')}".`,
    );
  }
}

/** The first package of each program that apt knows. */
function packagesOf(wanted: readonly Program[]): string[] {
  return wanted.map(({ packages }) => packages.find(isKnown) ?? packages[0]);
}

function isKnown(name: string): boolean {
  return spawnSync('apt-cache', ['show', '--no-all-versions', name], { stdio: 'ignore' }).status === 0;
}

/** Looks where servers live, too: /usr/sbin is not in the PATH of every user, and PostgreSQL's programs are in nobody's. */
function isInstalled(command: string): boolean {
  const postgres = '/usr/lib/postgresql';
  const versions = existsSync(postgres) ? readdirSync(postgres).map((version) => join(postgres, version, 'bin')) : [];
  return [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin', ...versions].some((folder) => {
    try {
      accessSync(join(folder, command), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

function fail(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}
