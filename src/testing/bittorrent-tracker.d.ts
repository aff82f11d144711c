declare module 'bittorrent-tracker' {
  import type { EventEmitter } from 'node:events';
  /** The part of it that tests use. */
  export class Server extends EventEmitter {
    constructor(options: { http: boolean; udp: boolean; ws: boolean; stats: boolean; interval: number });
    listen(port: number, hosts: { http: string }, done: () => void): void;
    close(done: () => void): void;
  }
}
