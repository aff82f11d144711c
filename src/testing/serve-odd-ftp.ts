import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { releaseAfter, type Scope } from './temp.ts';

/** In a listing: nothing more comes, and the connection stays open. */
export const stop = Symbol('stop');

type Chunk = Buffer | string | typeof stop;

export type OddFtpOptions = {
  /** By path, without a slash before it; one character is one byte (Latin-1). */
  files?: Record<string, Buffer>;
  /** What FEAT lists; null: it does not know FEAT. */
  features?: string[] | null;
  /** Commands that it does not know. */
  without?: readonly string[];
  /** Answers that are given instead of its own, with their end of line. A function gets what followed the command. */
  answers?: Record<string, string | ((argument: string) => string | null)>;
  /** Says yes to REST and sends the whole file all the same. */
  ignoresRest?: boolean;
  /** The address that PASV names, such as `10,0,0,1`, and the port; its own when absent. */
  pasv?: { address: string; port?: number };
  /** What MLSD or LIST sends; a generator may go on for ever. */
  listing?: (command: string, argument: string) => Iterable<Chunk>;
  /** Logins at once; one more is answered with `tooMany`. */
  mostLogins?: number;
  tooMany?: string;
  /** Passwords are answered only then. */
  loginsBegin?: Promise<void>;
  /** Ends data connections after so many bytes. */
  cutAtByte?: number;
  /** Data connections of files stay open after the last byte, and nothing more is said. */
  holdsData?: boolean;
  /** What it says after a transfer. */
  lastWord?: string;
};

export type OddFtp = {
  port: number;
  /** `ftp://127.0.0.1:port`, no slash at the end. */
  origin: string;
  /** What it was told, oldest first; one character is one byte. */
  readonly commands: string[];
  /** Most connections with a login at one time. */
  readonly mostLogins: number;
};

/** An FTP server that is as odd as told, on loopback. Stopped after the test. */
export async function serveOddFtp(t: Scope, options: OddFtpOptions = {}): Promise<OddFtp> {
  const commands: string[] = [];
  const sockets = new Set<Socket | Server>();
  let logins = 0;
  let mostLogins = 0;
  const server = createServer((control) => {
    sockets.add(control);
    let isIn = false;
    control
      .on('error', () => {})
      .on('close', () => {
        sockets.delete(control);
        if (isIn) logins -= 1;
      });
    const enter = () => {
      if (logins >= (options.mostLogins ?? Number.POSITIVE_INFINITY)) return false;
      isIn = true;
      logins += 1;
      mostLogins = Math.max(mostLogins, logins);
      return true;
    };
    talk(control, options, commands, sockets, enter);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  releaseAfter(t, async () => {
    const closed = new Promise((resolve) => server.close(resolve));
    for (const socket of sockets) 'destroy' in socket ? socket.destroy() : socket.close();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return {
    port,
    origin: `ftp://127.0.0.1:${port}`,
    commands,
    get mostLogins() {
      return mostLogins;
    },
  };
}

function talk(
  control: Socket,
  options: OddFtpOptions,
  commands: string[],
  sockets: Set<Socket | Server>,
  enter: () => boolean,
): void {
  const { files = {}, features = ['UTF8', 'REST STREAM', 'SIZE', 'MDTM'], without = [], answers = {} } = options;
  const say = (line: string) => control.write(`${line}\r\n`, 'latin1');
  let data: Promise<Socket> = Promise.reject(new Error('no data connection'));
  data.catch(() => {});
  let fromByte = 0;
  let unread = '';

  /** Sends over the data connection, and says how it went. */
  const send = async (chunks: Iterable<Chunk>) => {
    say('150 Here it comes');
    const socket = await data;
    for (const chunk of chunks) {
      if (chunk === stop) return;
      if (socket.destroyed) break;
      if (!socket.write(chunk)) await new Promise((resolve) => socket.once('drain', resolve).once('close', resolve));
    }
    socket.end();
    say(options.lastWord ?? '226 Done');
  };

  const listen = async () => {
    const door = createServer();
    sockets.add(door);
    data = new Promise((resolve) => {
      door.once('connection', (socket) => {
        sockets.add(socket.setMaxListeners(0).on('error', () => {}));
        resolve(socket);
        door.close();
      });
    });
    await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
    return (door.address() as AddressInfo).port;
  };

  const own = new Map<string, (argument: string) => unknown>();
  own.set('USER', () => say('331 And the password?'));
  own.set('PASS', async () => {
    await options.loginsBegin;
    say(enter() ? '230 Welcome' : (options.tooMany ?? '530 Sorry, too many connections'));
  });
  own.set('FEAT', () =>
    features === null ? say('502 Unknown') : say(`211-Features:\r\n${features.map((one) => ` ${one}\r\n`).join('')}211 End`),
  );
  own.set('OPTS', () => say('200 Yes'));
  own.set('PWD', () => say('257 "/" is where you are'));
  own.set('TYPE', () => say('200 Yes'));
  own.set('NOOP', () => say('200 Yes'));
  own.set('CWD', (path) =>
    say(Object.keys(files).some((one) => `/${one}`.startsWith(`${path}/`)) ? '250 Yes' : '550 No such folder'),
  );
  own.set('SIZE', (path) =>
    say(bytesOf(files, path) === undefined ? '550 No such file' : `213 ${bytesOf(files, path)?.length}`),
  );
  own.set('MDTM', (path) => say(bytesOf(files, path) === undefined ? '550 No such file' : '213 20200102030405'));
  own.set('REST', (at) => {
    fromByte = Number(at);
    say('350 From there');
  });
  own.set('EPSV', async () => say(`229 Extended (|||${await listen()}|)`));
  own.set('PASV', async () => {
    const port = await listen();
    const { address = '127,0,0,1', port: told = port } = options.pasv ?? {};
    say(`227 Passive (${address},${told >> 8},${told & 255})`);
  });
  own.set('RETR', async (path) => {
    const bytes = bytesOf(files, path);
    const start = options.ignoresRest ? 0 : fromByte;
    fromByte = 0;
    if (bytes === undefined) say('550 No such file');
    else await send([bytes.subarray(start, options.cutAtByte), ...(options.holdsData ? [stop] : [])] as Chunk[]);
  });
  own.set('MLSD', (path) => send(options.listing?.('MLSD', path) ?? []));
  own.set('LIST', (path) => send(options.listing?.('LIST', path) ?? []));
  own.set('QUIT', () => control.end('221 Bye\r\n'));

  control.on('data', (chunk) => {
    unread += chunk.toString('latin1');
    for (let end = unread.indexOf('\r\n'); end !== -1; end = unread.indexOf('\r\n')) {
      const line = unread.slice(0, end);
      unread = unread.slice(end + 2);
      commands.push(line);
      const [, name = '', argument = ''] = /^(\w+) ?(.*)$/s.exec(line) ?? [];
      const other = answers[name];
      const answer = typeof other === 'function' ? other(argument) : other;
      if (answer !== undefined && answer !== null) control.write(answer, 'latin1');
      else if (without.includes(name) || !own.has(name)) say('502 Unknown');
      else void Promise.resolve(own.get(name)?.(argument)).catch(() => control.destroy());
    }
  });
  control.write(typeof answers.greeting === 'string' ? answers.greeting : '220 Odd server\r\n', 'latin1');
}

function bytesOf(files: Record<string, Buffer>, path: string): Buffer | undefined {
  return files[path.replace(/^\//, '')];
}
