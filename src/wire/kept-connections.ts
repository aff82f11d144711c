import type { KeptConnection, KeptConnections } from '#core/source.ts';

/** Warm connections by origin, shared by every file that is fetched: the next small file needs no new handshake. */
export function createKeptConnections(mostPerOrigin = 16): KeptConnections {
  const kept = new Map<string, KeptConnection[]>();
  return {
    take(origin) {
      const connections = kept.get(origin) ?? [];
      for (let connection = connections.pop(); connection !== undefined; connection = connections.pop()) {
        if (connection.isFree) return connection;
      }
      return null;
    },
    keep(origin, connection) {
      const connections = (kept.get(origin) ?? []).filter(({ isFree }) => isFree);
      if (connections.length < mostPerOrigin) connections.push(connection);
      else connection.close();
      kept.set(origin, connections);
    },
    close() {
      for (const connections of kept.values()) for (const connection of connections) connection.close();
      kept.clear();
    },
  };
}
