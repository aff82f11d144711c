import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type StartedProcess, startProcess } from './process.ts';
import { type Certificate, makeCertificate, pathToServers } from './serve-nginx.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

export type FtpOptions = {
  /** What is served. A new temporary folder when not given. */
  folder?: string;
  /**
   * `offered`: AUTH TLS on the port, for those who want it. `required`: likewise, and nobody else is let in. `implicit`: TLS from the
   * first byte. Data connections have to go on with the TLS session of the login.
   */
  tls?: 'offered' | 'required' | 'implicit';
  /** Connections that one client may have at once. */
  mostConnections?: number;
  /** Commands that are refused; those that FEAT lists are left out of it. */
  without?: readonly string[];
  /** More lines of its configuration: http://www.proftpd.org/docs/directives/configuration_full.html */
  configuration?: string;
};

export type Ftp = {
  folder: string;
  port: number;
  /** `ftp://localhost:port` or `ftps://localhost:port`, no slash at the end. */
  origin: string;
  /** Who is let in. */
  user: { name: string; password: string };
  /** The authority's certificate (PEM); null without `tls`. */
  certificate: Certificate | null;
  process: StartedProcess;
};

/** `secret`, as crypt(3) writes it. */
const passwordHash = '$6$flotilla$BR2VQ7rfeSYoymgV/i1LcCjrQZGxmoXHmjStwNw5DG/qkIVuilK9AH82eg8ZEFq7PY3SaAVaoQovq/qYGIGCf/';

/** Starts a real ProFTPD on loopback in front of a folder. */
export async function serveFtp(t: Scope, options: FtpOptions = {}): Promise<Ftp> {
  const prefix = tempFolder(t);
  const { folder = join(prefix, 'files'), tls } = options;
  mkdirSync(folder, { recursive: true });
  const port = await freePort();
  const certificate = tls === undefined ? null : makeCertificate(prefix);
  const { uid, gid } = userInfo();
  writeFileSync(join(prefix, 'passwd'), `anna:${passwordHash}:${uid}:${gid}::${folder}:/bin/false\n`, { mode: 0o600 });
  writeFileSync(join(prefix, 'group'), '', { mode: 0o600 });
  writeFileSync(join(prefix, 'proftpd.conf'), configuration(options, { prefix, port, certificate }));
  const args = ['--nodaemon', '--config', join(prefix, 'proftpd.conf')];
  const started = await startProcess(t, 'proftpd', args, { env: { PATH: pathToServers() }, ready: port });
  return {
    folder,
    port,
    origin: `${tls === 'implicit' ? 'ftps' : 'ftp'}://localhost:${port}`,
    user: { name: 'anna', password: 'secret' },
    certificate,
    process: started,
  };
}

type Place = { prefix: string; port: number; certificate: Certificate | null };

function configuration(options: FtpOptions, { prefix, port, certificate }: Place): string {
  const { tls, mostConnections, without = [] } = options;
  const lines = [
    ...(certificate === null ? [] : ['LoadModule mod_tls.c']),
    'ServerType standalone',
    'ServerName test',
    'DefaultAddress 127.0.0.1',
    'SocketBindTight on',
    `Port ${port}`,
    'UseIPv6 off',
    `User ${userInfo().username}`,
    `Group ${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}`,
    `PidFile ${prefix}/pid`,
    `ScoreboardFile ${prefix}/scoreboard`,
    `SystemLog ${prefix}/log`,
    'DelayEngine off',
    'WtmpLog off',
    'UseReverseDNS off',
    'AuthOrder mod_auth_file.c',
    `AuthUserFile ${prefix}/passwd`,
    `AuthGroupFile ${prefix}/group`,
    'RequireValidShell off',
    'RootLogin on',
    'DefaultRoot ~',
    'AllowRetrieveRestart on',
    'MaxInstances 100',
    ...(mostConnections === undefined ? [] : [`MaxClientsPerHost ${mostConnections}`]),
    ...(without.length > 0 ? [`<Limit ${without.join(' ')}>`, 'DenyAll', '</Limit>'] : []),
    ...(without.includes('MLSD') ? ['FactsAdvertise off'] : []),
    ...(certificate === null ? [] : tlsLines(tls, certificate, prefix)),
    options.configuration ?? '',
  ];
  return `${lines.join('\n')}\n`;
}

function tlsLines(tls: FtpOptions['tls'], { certPath, keyPath }: Certificate, prefix: string): string[] {
  return [
    '<IfModule mod_tls.c>',
    'TLSEngine on',
    `TLSRequired ${tls === 'offered' ? 'off' : 'on'}`,
    `TLSRSACertificateFile ${certPath}`,
    `TLSRSACertificateKeyFile ${keyPath}`,
    `TLSLog ${prefix}/tls.log`,
    ...(tls === 'implicit' ? ['TLSOptions UseImplicitSSL'] : []),
    '</IfModule>',
  ];
}
