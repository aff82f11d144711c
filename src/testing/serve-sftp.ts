import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { type StartedProcess, startProcess } from './process.ts';
import { pathToServers } from './serve-nginx.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

export type SftpOptions = {
  /** Where it listens, when it takes the place of an earlier one; a free port when not given. */
  port?: number;
  /** Another folder to serve than a new one. */
  folder?: string;
};

export type Sftp = {
  folder: string;
  port: number;
  user: string;
  /** Private key that is let in (OpenSSH form), and the same one locked with the password `open sesame`. */
  key: string;
  lockedKey: string;
  keyPath: string;
  /** As `known_hosts` has it: type and base64. */
  hostKey: string;
  /** As people compare it: `SHA256:…`. */
  fingerprint: string;
  /** The link of a path in the folder, with the user in it. */
  link(path: string, port?: number): string;
  process: StartedProcess;
};

/**
 * Starts a real OpenSSH server on loopback that gives SFTP to one user by key, in front of a folder. Started by root it lets
 * `nobody` in, so that permissions mean something.
 */
export async function serveSftp(t: Scope, options: SftpOptions = {}): Promise<Sftp> {
  const prefix = tempFolder(t);
  const folder = options.folder ?? join(prefix, 'files');
  const isRoot = process.getuid?.() === 0;
  const user = isRoot ? 'nobody' : userInfo().username;
  mkdirSync(folder, { recursive: true });
  chmodSync(prefix, 0o755);
  const hostPath = makeKey(prefix, 'host');
  const keyPath = makeKey(prefix, 'user');
  const lockedPath = makeKey(prefix, 'locked', 'open sesame');
  writeFileSync(
    join(prefix, 'authorized_keys'),
    `${readFileSync(`${keyPath}.pub`, 'utf8')}${readFileSync(`${lockedPath}.pub`, 'utf8')}`,
  );
  // sshd of root wants it, and only systemd would make it.
  if (isRoot) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const port = options.port ?? (await freePort());
  writeFileSync(
    join(prefix, 'sshd_config'),
    `Port ${port}
     ListenAddress 127.0.0.1
     HostKey ${hostPath}
     PidFile ${join(prefix, 'sshd.pid')}
     AuthorizedKeysFile ${join(prefix, 'authorized_keys')}
     AllowUsers ${user}
     PasswordAuthentication no
     KbdInteractiveAuthentication no
     UsePAM no
     StrictModes no
     MaxStartups 100
     MaxSessions 100
     Subsystem sftp internal-sftp
     ForceCommand internal-sftp
    `,
  );
  const [hostKeyType, hostKeyBase64] = readFileSync(`${hostPath}.pub`, 'utf8').split(' ');
  const sshd = await startProcess(t, sshdPath(), ['-D', '-e', '-f', join(prefix, 'sshd_config')], { ready: port });
  return {
    folder,
    port,
    user,
    key: readFileSync(keyPath, 'utf8'),
    lockedKey: readFileSync(lockedPath, 'utf8'),
    keyPath,
    hostKey: `${hostKeyType} ${hostKeyBase64}`,
    fingerprint: execFileSync('ssh-keygen', ['-lf', hostPath], { encoding: 'utf8' }).split(' ')[1] ?? '',
    link: (path, at = port) => `sftp://${user}@127.0.0.1:${at}${folder}/${path.split('/').map(encodeURIComponent).join('/')}`,
    process: sshd,
  };
}

function makeKey(folder: string, name: string, password = ''): string {
  const path = join(folder, name);
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', password, '-C', name, '-f', path]);
  return path;
}

/** It starts itself anew for each connection, by a path that has to be absolute. */
function sshdPath(): string {
  const path = pathToServers()
    .split(':')
    .map((found) => join(found, 'sshd'))
    .find((found) => existsSync(found) && dirname(found) !== '.');
  if (path === undefined) throw new Error('There is no sshd here. `npm run services` installs it.');
  return path;
}
