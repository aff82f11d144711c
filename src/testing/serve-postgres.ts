import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { type StartedProcess, startProcess } from './process.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

export type PostgresOptions = {
  /** Puts every commit on the disk, as a real server does. Tests do without: they kill processes, not the machine. */
  fsync?: boolean;
  /** Further settings, such as `{ max_connections: '20' }`. */
  settings?: Record<string, string>;
};

export type Postgres = {
  port: number;
  /** The link of a new, empty database. */
  newDatabase(): Promise<string>;
  /** Runs one statement as the superuser, in the database of that link or in `postgres`. */
  run<Row extends object>(sql: string, url?: string): Promise<Row[]>;
  /** Ends all sessions and goes; with `immediate` as in a crash, so that the next start recovers. */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
  /** After a `stop`: the same server on the same port, with its data. */
  start(): Promise<void>;
  /** The process that is the server now. */
  readonly process: StartedProcess;
};

/**
 * Starts a real PostgreSQL on loopback, in a temporary folder. Everybody may enter but `locked`, who needs a password once
 * there is such a user. Its own collation is one of people (a < B < c), so that whoever
 * counts on the order of bytes finds out. Throws when there is no PostgreSQL.
 */
export async function servePostgres(t: Scope, options: PostgresOptions = {}): Promise<Postgres> {
  const bin = postgresFolder();
  const folder = tempFolder(t);
  const user = serverUser();
  if (user) chownSync(folder, user.uid, user.gid);
  const data = join(folder, 'data');
  const command = (name: string, ...args: string[]) => asUser(user, join(bin, name), args);

  const [initdb = '', ...initArgs] = command(
    'initdb',
    ...['--pgdata', data, '--username', 'flotilla', '--auth', 'trust', '--encoding', 'UTF8', '--no-sync'],
    ...['--locale', 'C.UTF-8', '--locale-provider', 'icu', '--icu-locale', 'en'],
  );
  execFileSync(initdb, initArgs, { stdio: 'pipe', cwd: folder });
  const port = await freePort();
  writeFileSync(join(data, 'postgresql.conf'), configuration(options, folder, port));
  writeFileSync(join(data, 'pg_hba.conf'), `host all locked 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n`);

  const [postgres = '', ...args] = command('postgres', '-D', data);
  const start = async () => {
    server = await startProcess(t, postgres, args, { cwd: folder, ready: port, readySeconds: 60, stopSeconds: 10 });
    await untilItAnswers(linkTo('postgres'));
  };
  const linkTo = (database: string) => `postgres://flotilla@127.0.0.1:${port}/${database}`;
  let server: StartedProcess;
  let databases = 0;
  await start();

  return {
    port,
    async newDatabase() {
      const name = `flotilla_${databases++}`;
      // Writing it to the log is quicker than the checkpoints that copying files needs.
      await query(linkTo('postgres'), `create database ${name} strategy wal_log`);
      return linkTo(name);
    },
    run: (sql, url = linkTo('postgres')) => query(url, sql),
    async stop(how = 'fast') {
      // https://www.postgresql.org/docs/current/server-shutdown.html
      await server.kill(how === 'fast' ? 'SIGINT' : 'SIGQUIT');
    },
    start,
    get process() {
      return server;
    },
  };
}

/** Where the programs of the newest server are: Debian keeps them out of the PATH. */
function postgresFolder(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root) : [];
  const folders = versions.sort((a, b) => Number(b) - Number(a)).map((version) => join(root, version, 'bin'));
  const found = folders.find((folder) => existsSync(join(folder, 'postgres')) && existsSync(join(folder, 'initdb')));
  if (!found) throw new Error('There is no PostgreSQL here: run "npm run services" first.');
  return found;
}

type User = { name: string; uid: number; gid: number };

/** PostgreSQL refuses to run as root. */
function serverUser(): User | null {
  if (process.getuid?.() !== 0) return null;
  const numberOf = (flag: string) => Number(execFileSync('id', [flag, 'nobody'], { encoding: 'utf8' }));
  return { name: 'nobody', uid: numberOf('-u'), gid: numberOf('-g') };
}

function asUser(user: User | null, program: string, args: string[]): string[] {
  if (user === null) return [program, ...args];
  return ['setpriv', '--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups', program, ...args];
}

function configuration({ fsync = false, settings = {} }: PostgresOptions, folder: string, port: number): string {
  const all = {
    listen_addresses: '127.0.0.1',
    port: String(port),
    unix_socket_directories: folder,
    ...(fsync ? {} : { fsync: 'off', full_page_writes: 'off' }),
    max_wal_size: '2GB',
    timezone: 'UTC',
    ...settings,
  };
  return Object.entries(all)
    .map(([name, value]) => `${name} = '${value}'\n`)
    .join('');
}

/** A server that recovers listens before it lets anybody in. */
async function untilItAnswers(url: string): Promise<void> {
  const endsAtMs = performance.now() + 60_000;
  for (;;) {
    try {
      await query(url, 'select 1');
      return;
    } catch (error) {
      if (performance.now() > endsAtMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
}

async function query<Row extends object>(url: string, sql: string): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(sql)).rows;
  } finally {
    await client.end();
  }
}
