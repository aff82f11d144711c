/** Files of host keys as OpenSSH keeps them: sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
import { createHash, createHmac } from 'node:crypto';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A key as a server shows it: the blob of RFC 4253 section 6.6. */
export type HostKey = Buffer;

export type KnownKeys = {
  /** Of these servers every one is right. */
  trusted: HostKey[];
  /** These are never right again. */
  revoked: HostKey[];
};

const longestFile = 8 * 1024 * 1024;

/** What the files know of a server. A file that is not there knows nothing, and neither does a line that cannot be read. */
export async function findKnownKeys(paths: string[], host: string, port: number): Promise<KnownKeys> {
  const known: KnownKeys = { trusted: [], revoked: [] };
  for (const path of paths) {
    const text = await readFile(path, 'utf8').catch(() => '');
    for (const line of text.slice(0, longestFile).split('\n')) takeLine(line, knownName(host, port), known);
  }
  return known;
}

/** Remembers the key of a server, for its owner's eyes only. */
export async function addKnownKey(path: string, host: string, port: number, key: HostKey): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await appendFile(path, `${knownName(host, port)} ${keyType(key)} ${key.toString('base64')}\n`, { mode: 0o600 });
}

/** As OpenSSH shows keys to people: `SHA256:` and unpadded base64. */
export function fingerprint(key: HostKey): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
}

/** `ssh-ed25519` and its like: the first string of the blob; empty when it is none. */
export function keyType(key: HostKey): string {
  if (key.length < 4) return '';
  const type = key.subarray(4, 4 + key.readUInt32BE(0)).toString('latin1');
  return /^[\w@.-]{1,64}$/.test(type) ? type : '';
}

function knownName(host: string, port: number): string {
  return port === 22 ? host.toLowerCase() : `[${host.toLowerCase()}]:${port}`;
}

function takeLine(line: string, name: string, known: KnownKeys): void {
  const words = line.trim().split(/[ \t]+/);
  const marker = words[0]?.startsWith('@') ? words.shift() : null;
  const [hosts = '', type = '', base64 = ''] = words;
  // We do not take certificates of hosts, so an authority is nothing to us.
  if (hosts === '' || hosts.startsWith('#') || marker === '@cert-authority') return;
  const key = Buffer.from(base64, 'base64');
  if (type === '' || keyType(key) !== type || !isNamed(hosts, name)) return;
  (marker === '@revoked' ? known.revoked : known.trusted).push(key);
}

function isNamed(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return isHashed(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  if (patterns.some((pattern) => pattern.startsWith('!') && matches(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => !pattern.startsWith('!') && matches(pattern, name));
}

/** `|1|salt|hash`, so that the file does not tell where its owner goes. */
function isHashed(hosts: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hosts.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/** `*` is any text and `?` one character. Without backtracking: a strange file costs no more time than a good one. */
function matches(pattern: string, name: string): boolean {
  let [at, star, starAt] = [0, -1, 0];
  let nameAt = 0;
  while (nameAt < name.length) {
    if (pattern[at] === '*') {
      [star, starAt] = [at++, nameAt];
    } else if (at < pattern.length && (pattern[at] === '?' || pattern[at] === name[nameAt])) {
      at++;
      nameAt++;
    } else if (star !== -1) {
      at = star + 1;
      nameAt = ++starAt;
    } else {
      return false;
    }
  }
  return pattern.slice(at).replace(/\*+/g, '') === '';
}
