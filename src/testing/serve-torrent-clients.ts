/** Torrent programs as people run them, to be asked by us. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientKind } from '#wire/torrent/clients/link.ts';
import { type StartedProcess, startProcess } from './process.ts';
import { serveNginx } from './serve-nginx.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

export type RunningClient = {
  /** As in the setting `client`. */
  link: string;
  process: StartedProcess;
};

/** Each on an address of its own, where peers reach it. Throws when the program is not there. */
export function startClient(t: Scope, kind: ClientKind): Promise<RunningClient> {
  return { transmission, qbittorrent, deluge, aria2, rtorrent }[kind](t);
}

async function transmission(t: Scope): Promise<RunningClient> {
  const folder = tempFolder(t);
  const [port, rpcPort] = [await freePort(), await freePort()];
  const args = [
    ...['-f', '-g', folder, '-w', folder, '--no-portmap', '--no-dht', '--no-lpd', '--no-utp', '-i', '127.0.0.11'],
    ...['-P', String(port), '-p', String(rpcPort), '-r', '127.0.0.1', '-a', '127.0.0.1', '-t', '-u', 'anna', '-v', 'boat'],
  ];
  const process = await startProcess(t, 'transmission-daemon', args, { ready: rpcPort, readySeconds: 60 });
  return { link: `transmission+http://anna:boat@127.0.0.1:${rpcPort}`, process };
}

async function qbittorrent(t: Scope): Promise<RunningClient> {
  const folder = tempFolder(t);
  const [port, webPort] = [await freePort(), await freePort()];
  const configuration = join(folder, 'qBittorrent', 'config');
  mkdirSync(configuration, { recursive: true });
  const lines = [
    ...['[BitTorrent]', 'Session\\DHTEnabled=false', 'Session\\LSDEnabled=false', 'Session\\PeXEnabled=false'],
    ...['Session\\Interface=lo', 'Session\\InterfaceAddress=127.0.0.12', 'Session\\InterfaceName=lo', `Session\\Port=${port}`],
    ...['[LegalNotice]', 'Accepted=true'],
    // Its own standard password of version 4; from loopback it asks for none when that is allowed, which it is not here.
    ...['[Preferences]', 'WebUI\\LocalHostAuth=true', 'WebUI\\Address=127.0.0.1', `WebUI\\Port=${webPort}`],
    ...['WebUI\\CSRFProtection=true', 'General\\Locale=en'],
  ];
  writeFileSync(join(configuration, 'qBittorrent.conf'), `${lines.join('\n')}\n`);
  const process = await startProcess(t, 'qbittorrent-nox', [`--profile=${folder}`], { ready: webPort, readySeconds: 60 });
  return { link: `qbittorrent+http://admin:adminadmin@127.0.0.1:${webPort}`, process };
}

async function deluge(t: Scope): Promise<RunningClient> {
  const folder = tempFolder(t);
  const [port, rpcPort, webPort] = [await freePort(), await freePort(), await freePort()];
  const { webId, login } = { webId: 'a'.repeat(32), login: 'localclient' };
  const head = JSON.stringify({ file: 1, format: 1 });
  const core = {
    ...{ daemon_port: rpcPort, allow_remote: false, listen_interface: '127.0.0.13', outgoing_interface: '127.0.0.13' },
    ...{ listen_ports: [port, port], random_port: false, dht: false, lsd: false, upnp: false, natpmp: false, utpex: false },
  };
  writeFileSync(join(folder, 'core.conf'), head + JSON.stringify(core));
  writeFileSync(join(folder, 'auth'), `${login}:secret:10\n`);
  const hosts = { hosts: [[webId, '127.0.0.1', rpcPort, login, 'secret']] };
  writeFileSync(join(folder, 'hostlist.conf'), JSON.stringify({ file: 3, format: 1 }) + JSON.stringify(hosts));
  await startProcess(t, 'deluged', ['-d', '-c', folder, '-i', '127.0.0.13', '-p', String(rpcPort)], {
    ready: rpcPort,
    readySeconds: 60,
  });
  const web = ['-d', '-c', folder, '-i', '127.0.0.1', '-p', String(webPort)];
  const process = await startProcess(t, 'deluge-web', web, { ready: webPort, readySeconds: 60 });
  return { link: `deluge+http://:deluge@127.0.0.1:${webPort}`, process };
}

async function aria2(t: Scope): Promise<RunningClient> {
  const [port, rpcPort] = [await freePort(), await freePort()];
  const args = [
    ...['--no-conf', '--enable-rpc', `--rpc-listen-port=${rpcPort}`, '--rpc-secret=boat', '--enable-dht=false'],
    ...['--bt-enable-lpd=false', '--interface=127.0.0.14', `--listen-port=${port}`, '--disable-ipv6=true', '-d', tempFolder(t)],
  ];
  const process = await startProcess(t, 'aria2c', args, { ready: rpcPort, readySeconds: 60 });
  return { link: `aria2+http://:boat@127.0.0.1:${rpcPort}`, process };
}

/** Behind a web server, as people have it: by itself it speaks no HTTP and asks for no password. */
async function rtorrent(t: Scope): Promise<RunningClient> {
  const folder = tempFolder(t);
  const [port, scgiPath, configuration] = [await freePort(), join(folder, 'socket'), join(folder, 'rtorrent.rc')];
  const lines = [
    ...['system.daemon.set = true', `network.scgi.open_local = ${scgiPath}`, `directory.default.set = ${folder}`],
    ...['network.bind_address.set = 127.0.0.15', `network.port_range.set = ${port}-${port}`, 'network.port_random.set = no'],
    ...['dht.mode.set = disable', 'protocol.pex.set = no', 'trackers.use_udp.set = no'],
  ];
  writeFileSync(configuration, `${lines.join('\n')}\n`);
  const ready = () => existsSync(scgiPath);
  const process = await startProcess(t, 'rtorrent', ['-n', '-o', `import=${configuration}`], { ready, readySeconds: 60 });
  const nginx = await serveNginx(t, { user: 'anna', password: 'boat', scgiPath });
  return { link: `rtorrent+http://anna:boat@127.0.0.1:${nginx.port}`, process };
}
