import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type S3Login, signed } from '#wire/s3.ts';
import { startProcess } from './process.ts';
import { pathToServers } from './serve-nginx.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

const run = promisify(execFile);

export type Ceph = {
  port: number;
  /** `http://127.0.0.1:port`. */
  endpoint: string;
  login: S3Login;
  /** Somebody else, who owns nothing. */
  stranger: S3Login;
  /** Sends a signed request as the owner of all buckets; throws when it is refused. The path begins with the bucket. */
  send(method: string, path: string, body?: Uint8Array | string, headers?: Record<string, string>): Promise<Response>;
};

/**
 * Starts a Ceph with one of each: monitor, storage in memory, and the gateway that speaks S3. It checks signatures as Amazon does,
 * and knows no checksums besides ETags. About 10 s; share one among the tests of a file.
 */
export async function serveCeph(t: Scope): Promise<Ceph> {
  const folder = tempFolder(t);
  for (const name of ['mon', 'osd', 'run', 'log']) mkdirSync(join(folder, name));
  const [port, monitorPort, olderPort] = [await freePort(), await freePort(), await freePort()];
  const path = (name: string) => join(folder, name);
  const id = randomUUID();
  writeFileSync(path('ceph.conf'), configuration({ folder, id, port, monitorPort, olderPort }));
  const env = { ...process.env, PATH: pathToServers(), CEPH_CONF: path('ceph.conf') };
  const command = async (name: string, ...args: string[]) => (await run(name, args, { env, timeout: 60_000 })).stdout.trim();

  const keyring = path('keyring');
  const all = ['mon', 'osd', 'mgr'].flatMap((kind) => ['--cap', kind, 'allow *']);
  await command('ceph-authtool', '--create-keyring', keyring, '--gen-key', '-n', 'mon.', '--cap', 'mon', 'allow *');
  await command('ceph-authtool', keyring, '--gen-key', '-n', 'client.admin', ...all);
  const addresses = `[v2:127.0.0.1:${monitorPort},v1:127.0.0.1:${olderPort}]`;
  await command('monmaptool', '--create', '--fsid', id, '--addv', 'a', addresses, path('monmap'));
  await command('ceph-mon', '--mkfs', '-i', 'a', '--monmap', path('monmap'), '--keyring', keyring);
  const start = (name: string, args: string[], ready?: number) =>
    startProcess(t, name, ['-f', ...args], { env, readySeconds: 120, stopSeconds: 1, ...(ready !== undefined && { ready }) });
  await start('ceph-mon', ['-i', 'a'], monitorPort);

  await command('ceph-authtool', path('osdkey'), '--create-keyring', '--gen-key', '-n', 'osd.0');
  const key = await command('ceph-authtool', path('osdkey'), '-p', '-n', 'osd.0');
  writeFileSync(path('osdsecret'), JSON.stringify({ cephx_secret: key }));
  const storageId = randomUUID();
  const number = await command('ceph', '--connect-timeout', '60', 'osd', 'new', storageId, '-i', path('osdsecret'));
  await command('ceph-authtool', keyring, '--import-keyring', path('osdkey'));
  await command('ceph-osd', '-i', number, '--mkfs', '--osd-uuid', storageId);
  await start('ceph-osd', ['-i', number]);
  // Without it the storage waits for other storage that may be older. The version ends with its name: `16.2.15 (…) pacific (stable)`.
  const release = (await command('ceph-osd', '--version')).split(' ').at(-2) ?? '';
  await command('ceph', '--connect-timeout', '60', 'osd', 'require-osd-release', release);
  await start('radosgw', ['-n', 'client.admin'], port);

  const userOf = async (name: string): Promise<S3Login> => {
    const keys = ['--access-key', `${name}key`, '--secret-key', `${name}secret`];
    await command('radosgw-admin', '-n', 'client.admin', 'user', 'create', '--uid', name, '--display-name', name, ...keys);
    return { accessKey: `${name}key`, secret: `${name}secret`, sessionToken: null };
  };
  const login = await userOf('owner');
  const stranger = await userOf('stranger');
  const endpoint = `http://127.0.0.1:${port}`;
  return {
    port,
    endpoint,
    login,
    stranger,
    async send(method, at, body, headers = {}) {
      const url = new URL(`${endpoint}/${at}`);
      const nowMs = Date.now();
      const sent = signed({ method, url, headers: Object.entries(headers), login, region: 'us-east-1', nowMs });
      const answer = await fetch(url, { method, headers: sent, ...(body !== undefined && { body: Buffer.from(body) }) });
      if (!answer.ok) throw new Error(`${method} ${at}: ${answer.status} ${await answer.text()}`);
      return answer;
    },
  };
}

type Place = { folder: string; id: string; port: number; monitorPort: number; olderPort: number };

function configuration({ folder, id, port, monitorPort, olderPort }: Place): string {
  return `
[global]
fsid = ${id}
mon host = [v2:127.0.0.1:${monitorPort}/0,v1:127.0.0.1:${olderPort}/0]
mon initial members = a
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 2000
mon data avail crit = 1
mon warn on pool no redundancy = false
osd objectstore = memstore
memstore device bytes = 1073741824
osd class dir = /usr/lib/x86_64-linux-gnu/rados-classes
run dir = ${folder}/run
admin socket = ${folder}/run/$cluster-$name.asok
pid file = ${folder}/run/$name.pid
log file = ${folder}/log/$name.log
mon data = ${folder}/mon
osd data = ${folder}/osd
crash dir = ${folder}
keyring = ${folder}/keyring
rgw frontends = beast endpoint=127.0.0.1:${port}
rgw data = ${folder}/run
rgw enable usage log = false
rgw thread pool size = 64
`;
}
