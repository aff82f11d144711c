/**
 * Brings a yt-dlp for the tests into the cache folder of the project: the one of Debian 12 is too old for the web of today. It is
 * that of a later Debian, plain Python, unpacked and not installed; apt checks its signature, and the system's own sources stay
 * as they are. Does nothing, at once, when it is there.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The newest first. */
const suites = ['trixie-backports', 'bookworm-backports'];
const usualMirror = 'http://deb.debian.org/debian';
const keyring = '/usr/share/keyrings/debian-archive-keyring.gpg';
const cache = join(import.meta.dirname, '../node_modules/.cache/flotilla-tests');

/** The program, which src/testing/serve-media.ts knows, too. */
const ytDlpPath = join(cache, 'yt-dlp/yt-dlp');

/** Throws with a sentence when it cannot be brought. */
export function bringYtDlp(): void {
  if (existsSync(ytDlpPath)) return;
  console.error('Bringing yt-dlp for the tests');
  for (const [index, suite] of suites.entries()) {
    const work = mkdtempSync(join(tmpdir(), 'flotilla-yt-dlp-'));
    try {
      bringFrom(suite, work);
      return;
    } catch (error) {
      if (index === suites.length - 1) throw error;
    } finally {
      rmSync(work, { recursive: true, force: true });
    }
  }
}

function bringFrom(suite: string, work: string): void {
  for (const folder of ['lists/partial', 'cache/archives/partial', 'unpacked'])
    mkdirSync(join(work, folder), { recursive: true });
  writeFileSync(join(work, 'sources.list'), `deb [signed-by=${keyring}] ${mirrorOfSystem()} ${suite} main\n`);
  const places = [
    `Dir::Etc::sourcelist=${join(work, 'sources.list')}`,
    'Dir::Etc::sourceparts=-',
    `Dir::State::lists=${join(work, 'lists')}`,
    `Dir::Cache=${join(work, 'cache')}`,
    'Acquire::Languages=none',
    'Acquire::Retries=3',
    // The folder is ours, and closed to the user that apt would become.
    'APT::Sandbox::User=',
  ].flatMap((place) => ['-o', place]);
  must(work, 'apt-get', '-q', ...places, 'update');
  must(work, 'apt-get', '-q', ...places, 'download', 'yt-dlp');
  const packed = readdirSync(work).find((name) => name.endsWith('.deb')) ?? '';
  must(work, 'dpkg-deb', '-x', packed, 'unpacked');
  // The program finds its library beside itself.
  const library = join(work, 'unpacked/usr/lib/python3/dist-packages');
  must(work, 'cp', join(work, 'unpacked/usr/bin/yt-dlp'), library);
  mkdirSync(cache, { recursive: true });
  const draft = mkdtempSync(join(cache, 'draft-'));
  must(work, 'cp', '-r', `${library}/.`, draft);
  rmSync(join(cache, 'yt-dlp'), { recursive: true, force: true });
  renameSync(draft, join(cache, 'yt-dlp'));
}

/** Where the system itself gets its packages from. */
function mirrorOfSystem(): string {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI)'], { encoding: 'utf8' });
  return (stdout ?? '').split('\n').find((uri) => /^https?:.*\/debian\/?$/.test(uri)) ?? usualMirror;
}

function must(folder: string, command: string, ...args: string[]): void {
  const { status, error } = spawnSync(command, args, { cwd: folder, stdio: ['ignore', process.stderr, process.stderr] });
  if (status !== 0)
    throw new Error(`${command} ${args.at(-1)} failed (${error?.message ?? status}), so there is no yt-dlp for the tests.`);
}
