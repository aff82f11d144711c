import { lookup } from 'node:dns/promises';
import { type Finding, finding } from './finding.ts';

const patienceMs = 10_000;
/** Certificates, tokens and timetables forgive this much. */
const mostSkewMs = 2 * 60_000;

/** Asks one server that the person named: its name, its answer, and what time it is there. */
export async function checkOnline(url: string): Promise<Finding[]> {
  const name = finding('Names');
  const net = finding('Network');
  const target = URL.parse(url);
  if (target === null || !/^https?:$/.test(target.protocol)) {
    return [net.bad(`${JSON.stringify(url)} is no link to ask. Write it as https://example.org.`)];
  }
  try {
    const { address } = await lookup(target.hostname.replace(/^\[|\]$/g, ''));
    return [name.ok(`${target.hostname} is ${address}.`), ...(await ask(target))];
  } catch {
    return [name.bad(`${target.hostname} could not be found. Check /etc/resolv.conf, or the name.`)];
  }
}

async function ask(target: URL): Promise<Finding[]> {
  const net = finding('Network');
  const clock = finding('Clock');
  try {
    const response = await fetch(target, { method: 'HEAD', redirect: 'manual', signal: AbortSignal.timeout(patienceMs) });
    const answered = net.ok(`${target.host} answered with ${response.status}.`);
    const skewMs = Date.now() - Date.parse(response.headers.get('date') ?? '');
    if (Number.isNaN(skewMs)) return [answered, clock.ok(`${target.host} does not tell the time.`)];
    if (Math.abs(skewMs) <= mostSkewMs) return [answered, clock.ok('It is right.')];
    const minutes = Math.round(Math.abs(skewMs) / 60_000);
    const side = skewMs > 0 ? 'fast' : 'slow';
    return [answered, clock.warn(`It is ${minutes} minutes ${side}, beside ${target.host}. Let it be set by NTP.`)];
  } catch (error) {
    const reason = error instanceof Error ? ((error.cause as Error | undefined)?.message ?? error.message) : String(error);
    return [net.bad(`${target.host} did not answer: ${reason}. Check the network, a firewall, or a proxy.`)];
  }
}
