/** Nodes of the distributed table of peers (BEP 5) that know what a test gives them, and tell what they were asked. */
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { decode, type Encodable, encode } from '#lib/bencode.ts';
import { releaseAfter, type Scope } from './temp.ts';

export type DhtNode = {
  /** `host:port`, as a node is named. */
  node: string;
  /** How many questions came, of any kind. */
  readonly questionCount: number;
  /** The torrents whose peers were asked for, in hexadecimal. */
  readonly wanted: Set<string>;
  /** The same as a node tells others of it: 26 bytes. */
  readonly compact: Uint8Array;
};

type DhtOptions = {
  /** Its own address; every node should have another. */
  host: string;
  /** `host:port` of the peers of every torrent. */
  peers?: string[];
  /** Whom it tells of. */
  knows?: DhtNode[];
};

export async function serveDhtNode(t: Scope, { host, peers = [], knows = [] }: DhtOptions): Promise<DhtNode> {
  const id = Buffer.alloc(20, host);
  const wanted = new Set<string>();
  let questionCount = 0;
  const told: Record<string, Encodable> = { id, token: 'boat', nodes: Buffer.concat(knows.map(({ compact }) => compact)) };
  const socket = createSocket('udp4');
  socket.on('message', (bytes, { address, port }) => {
    const question = decode(bytes);
    const infoHash = question.get('a')?.get('info_hash')?.bytes ?? null;
    const kind = Buffer.from(question.get('q')?.bytes ?? []).toString();
    questionCount++;
    if (infoHash !== null) wanted.add(Buffer.from(infoHash).toString('hex'));
    const answer = kind === 'get_peers' && peers.length > 0 ? { ...told, values: peers.map(compactAddress) } : told;
    socket.send(encode({ t: question.get('t')?.bytes ?? '', y: 'r', r: answer }), port, address);
  });
  socket.bind(0, host);
  await once(socket, 'listening');
  releaseAfter(t, () => socket.close());
  const node = `${host}:${socket.address().port}`;
  return {
    node,
    get questionCount() {
      return questionCount;
    },
    wanted,
    compact: Buffer.concat([id, compactAddress(node)]),
  };
}

/** Six bytes (BEP 5) of `host:port`. */
export function compactAddress(address: string): Buffer {
  const [host = '', port] = address.split(':');
  const bytes = Buffer.from([...host.split('.').map(Number), 0, 0]);
  bytes.writeUInt16BE(Number(port), 4);
  return bytes;
}
