/** Names of programs in links such as `transmission+http://user:password@host:9091`. Loads none of their clients. */
export const clientKinds = ['transmission', 'qbittorrent', 'deluge', 'aria2', 'rtorrent'] as const;
export type ClientKind = (typeof clientKinds)[number];

/** null: it is no such link. */
export function readClientLink(text: string): { kind: ClientKind; link: URL } | null {
  const [, name, rest = ''] = /^([a-z0-9]+)\+(https?:\/\/.*)$/.exec(text) ?? [];
  const kind = clientKinds.find((one) => one === name);
  const link = URL.parse(rest);
  return kind === undefined || link === null ? null : { kind, link };
}

export function isClientLink(text: string): boolean {
  return readClientLink(text) !== null;
}
