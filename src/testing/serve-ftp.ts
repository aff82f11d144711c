import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { type Certificate, makeCertificate, pathToServers } from './serve-nginx.ts';
import { releaseAfter, type Scope, tempFolder } from './temp.ts';

export type FtpOptions = {
  /** What is served. A new temporary folder when not given. */
  folder?: string;
  /**
   * `offered`: AUTH TLS on the port, for those who want it. `required`: likewise, and nobody else is let in. `implicit`: TLS from the
   * first byte. Data connections have to go on with the TLS session of the login.
   */
  tls?: 'offered' | 'required' | 'implicit';
  /** What it proves itself with; a new one when not given. */
  certificate?: Certificate | null;
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
};

/** `secret`, as crypt(3) writes it. */
const passwordHash = '$6$flotilla$BR2VQ7rfeSYoymgV/i1LcCjrQZGxmoXHmjStwNw5DG/qkIVuilK9AH82eg8ZEFq7PY3SaAVaoQovq/qYGIGCf/';

/**
 * Serves a folder with a real ProFTPD, one process for each connection, as inetd does: as a daemon it sleeps for 0.4 s after each
 * connection that ends.
 */
export async function serveFtp(t: Scope, options: FtpOptions = {}): Promise<Ftp> {
  const prefix = tempFolder(t);
  const { folder = join(prefix, 'files'), tls } = options;
  mkdirSync(folder, { recursive: true });
  const certificate = tls === undefined ? null : (options.certificate ?? makeCertificate(prefix));
  const { uid, gid } = userInfo();
  writeFileSync(join(prefix, 'passwd'), `anna:${passwordHash}:${uid}:${gid}::${folder}:/bin/false\n`, { mode: 0o600 });
  writeFileSync(join(prefix, 'group'), '', { mode: 0o600 });
  writeFileSync(join(prefix, 'proftpd.conf'), configuration(options, { prefix, certificate }));
  const port = await listen(t, ['--config', join(prefix, 'proftpd.conf')]);
  return {
    folder,
    port,
    origin: `${tls === 'implicit' ? 'ftps' : 'ftp'}://localhost:${port}`,
    user: { name: 'anna', password: 'secret' },
    certificate,
  };
}

async function listen(t: Scope, args: string[]): Promise<number> {
  const children = new Set<ChildProcess>();
  const server = createServer({ pauseOnConnect: true }, (socket) => {
    const child = spawn('proftpd', args, { stdio: [socket, socket, 'ignore'], env: { PATH: pathToServers() } });
    children.add(child);
    child.once('error', (error) => server.emit('error', error));
    child.once('close', () => children.delete(child));
    // It is the child's from now on.
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, async () => {
    server.close();
    const gone = [...children].map((child) => new Promise((resolve) => child.once('close', resolve)));
    for (const child of children) child.kill('SIGKILL');
    await Promise.all(gone);
  });
  return (server.address() as AddressInfo).port;
}

type Place = { prefix: string; certificate: Certificate | null };

function configuration(options: FtpOptions, { prefix, certificate }: Place): string {
  const { tls, mostConnections, without = [] } = options;
  const lines = [
    ...(certificate === null ? [] : ['LoadModule mod_tls.c']),
    'ServerType inetd',
    'ServerName test',
    'DefaultAddress 127.0.0.1',
    'UseIPv6 off',
    `User ${userInfo().username}`,
    `Group ${execFileSync('id', ['-gn'], { encoding: 'utf8' }).trim()}`,
    `ScoreboardFile ${mostConnections === undefined ? 'none' : `${prefix}/scoreboard`}`,
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
