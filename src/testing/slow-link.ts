/**
 * A command behind a slow and lossy link, with an nginx at the other end: in a network namespace of its own, where the kernel
 * delays and drops the packets (netem). Where it cannot, a proxy delays the bytes and resets connections instead, and says so.
 */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { startProcess } from './process.ts';
import { type Ran, untilEnd } from './run-get.ts';
import { pathToServers, prepareNginx, serveNginx } from './serve-nginx.ts';
import { serveProxy } from './serve-proxy.ts';
import { type Scope, tempFolder } from './temp.ts';

export type SlowLink = { rttMs: number; lossPercent: number };

export type BehindSlowLink = Ran & {
  /** null: real packets were delayed and lost; else why there was a proxy instead. */
  whyProxy: string | null;
  seconds: number;
};

/** Nobody else is in the namespace. */
const port = 8080;

/**
 * Runs a command that gets the origin of an nginx in front of `folder`, such as `http://127.0.0.1:8080`, to its end. With a proxy
 * instead of packets `lossPercent` is the share of connections that break, each somewhere in its first MiB.
 */
export async function runBehindSlowLink(
  t: Scope,
  folder: string,
  link: SlowLink,
  command: (origin: string) => [string, ...string[]],
): Promise<BehindSlowLink> {
  const whyProxy = whyNoPackets();
  const beganMs = performance.now();
  const ran = whyProxy === null ? await inNamespace(t, folder, link, command) : await behindProxy(t, folder, link, command);
  return { ...ran, whyProxy, seconds: (performance.now() - beganMs) / 1000 };
}

/** Why the kernel cannot delay packets for us here; null when it can. */
export function whyNoPackets(): string | null {
  const env = { ...process.env, PATH: pathToServers() };
  const { error, status, stderr } = spawnSync('unshare', ['-rn', 'sh', '-c', slowDown({ rttMs: 2, lossPercent: 1 })], { env });
  if (status === 0) return null;
  return error === undefined ? stderr.toString().trim().replace(/\s+/g, ' ') : `there is no unshare: ${error.message}`;
}

/** A packet on loopback is delayed once each way. */
function slowDown({ rttMs, lossPercent }: SlowLink): string {
  const loss = lossPercent > 0 ? ` loss ${lossPercent}%` : '';
  return `ip link set lo up && tc qdisc add dev lo root netem limit 100000 delay ${rttMs / 2}ms${loss}`;
}

async function inNamespace(t: Scope, folder: string, link: SlowLink, command: (origin: string) => string[]): Promise<Ran> {
  const prefix = tempFolder(t);
  const nginx = prepareNginx({}, { prefix, folder, port, tlsPort: null, certificate: null });
  // The pid file is written when nginx listens.
  const serve = `nginx ${nginx.map((arg) => `'${arg}'`).join(' ')} & server=$!; until [ -s '${join(prefix, 'nginx.pid')}' ]; do sleep 0.02; done`;
  const script = `${slowDown(link)} || exit 1; ${serve}; "$@"; code=$?; kill $server; exit $code`;
  const args = ['-rn', 'sh', '-c', script, 'sh', ...command(`http://127.0.0.1:${port}`)];
  return untilEnd(await startProcess(t, 'unshare', args, { env: { PATH: pathToServers() } }));
}

/** The same link for several commands, one after the other: each is started with what `enter` says in front. */
export async function keepSlowLink(t: Scope, folder: string, link: SlowLink): Promise<{ origin: string; enter: string[] }> {
  const prefix = tempFolder(t);
  const nginx = prepareNginx({}, { prefix, folder, port, tlsPort: null, certificate: null });
  const script = `${slowDown(link)} || exit 1; nginx "$@" & until [ -s '${join(prefix, 'nginx.pid')}' ]; do sleep 0.02; done; echo ready; wait`;
  const kept = await startProcess(t, 'unshare', ['-rn', 'sh', '-mc', script, 'sh', ...nginx], {
    env: { PATH: pathToServers() },
    ready: /^ready$/m,
  });
  const enter = ['nsenter', '-t', String(kept.pid), '-U', '-n', '--preserve-credentials'];
  return { origin: `http://127.0.0.1:${port}`, enter };
}

async function behindProxy(
  t: Scope,
  folder: string,
  { rttMs, lossPercent }: SlowLink,
  command: (origin: string) => [string, ...string[]],
): Promise<Ran> {
  const nginx = await serveNginx(t, { folder });
  const proxy = await serveProxy(t, nginx.port, (connection) => {
    // Spread evenly: at 25 % each fourth one breaks.
    const isBroken = lossPercent > 0 && (connection * lossPercent) % 100 < lossPercent;
    return isBroken ? { latencyMs: rttMs, resetAtByte: (connection * 257_431) % 1_048_576 } : { latencyMs: rttMs };
  });
  const [program, ...args] = command(proxy.origin);
  return untilEnd(await startProcess(t, program, args));
}
