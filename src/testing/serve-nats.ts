import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type StartedProcess, startProcess } from './process.ts';
import { type Certificate, pathToServers } from './serve-nginx.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

export type NatsOptions = {
  /** Makes it speak TLS, and nothing else. */
  certificate?: Certificate;
  /** Lines of its configuration file, such as logins: https://docs.nats.io/running-a-nats-service/configuration */
  configuration?: string;
  /** Where it listens; a free port when not given. */
  port?: number;
};

export type Nats = {
  port: number;
  /** `nats://127.0.0.1:port`, without a login. */
  link: string;
  /** After its end: the same server on the same port. */
  start(): Promise<void>;
  /** The process that is the server now. */
  readonly process: StartedProcess;
};

/** Starts a real NATS on loopback. Throws when there is no `nats-server`. */
export async function serveNats(t: Scope, options: NatsOptions = {}): Promise<Nats> {
  const { certificate, configuration = '', port = await freePort() } = options;
  const path = join(tempFolder(t), 'nats.conf');
  writeFileSync(path, configuration);
  const tls = certificate ? ['--tls', '--tlscert', certificate.certPath, '--tlskey', certificate.keyPath] : [];
  const args = ['-c', path, '-a', '127.0.0.1', '-p', String(port), ...tls];
  const start = () => startProcess(t, 'nats-server', args, { env: { PATH: pathToServers() }, ready: port });
  let server = await start();
  return {
    port,
    link: `nats://127.0.0.1:${port}`,
    async start() {
      server = await start();
    },
    get process() {
      return server;
    },
  };
}
