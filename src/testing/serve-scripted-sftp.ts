import { createServer } from 'node:net';
import ssh2, { type AuthContext, type SFTPWrapper } from 'ssh2';
import { releaseAfter, type Scope } from './temp.ts';

export type ScriptedSftpOptions = {
  /** By absolute path. */
  files?: Record<string, Uint8Array>;
  /** What folders list, by absolute path, beside no files of their own. Names come as they are. */
  folders?: Record<string, Listed[]>;
  /** Folders that never end, with what they list again and again; a name of null is another one each time. */
  endless?: Record<string, (Omit<Listed, 'name'> & { name: string | null })[]>;
  user?: string;
  password?: string;
  /** The way that the password is asked for. */
  asks?: 'password' | 'keyboard-interactive';
  /** Answers to READ are never longer. */
  mostReadBytes?: number;
  /** Without sizes, as some gateways to other storage do. */
  hasSizes?: boolean;
  /** Opening a file is never answered. */
  isMute?: boolean;
  /** Lets people in, and never answers when they ask for SFTP. */
  neverBegins?: boolean;
  /** PEM; a new one when not given. */
  hostKey?: string;
  port?: number;
};

export type Listed = { name: string; type?: 'file' | 'folder' | 'symlink' | 'pipe'; sizeBytes?: number };

export type ScriptedSftp = {
  port: number;
  /** Requests to read that were on their way at the same time. */
  mostReads(): number;
  /** Connections that are open. */
  openCount(): number;
  /** The ways to log in that were tried, oldest first. */
  tried: string[];
};

const types = { file: 0o100_644, folder: 0o040_755, symlink: 0o120_777, pipe: 0o010_644 };
const status = ssh2.utils.sftp.STATUS_CODE;

/** A new key, PEM, locked when there is a passphrase. One in two hundred that ssh2 1.17 makes is one that it cannot read. */
export function makeKey(passphrase?: string): string {
  for (;;) {
    const lock = passphrase === undefined ? undefined : { passphrase, cipher: 'aes256-ctr', rounds: 4 };
    const key = ssh2.utils.generateKeyPairSync('ed25519', lock).private;
    if (!(ssh2.utils.parseKey(key, passphrase) instanceof Error)) return key;
  }
}

/** An SFTP server that does what OpenSSH does not: asks for passwords, answers bit by bit, tells lies. Stopped after the test. */
export async function serveScriptedSftp(t: Scope, options: ScriptedSftpOptions): Promise<ScriptedSftp> {
  const { user = 'anna', password = 'secret', asks = 'password' } = options;
  let mostReads = 0;
  const tried: string[] = [];
  const check = (asked: AuthContext) => {
    tried.push(asked.method);
    const judge = (given: string | undefined) => (given === password ? asked.accept() : asked.reject([asks]));
    if (asked.username !== user || asked.method !== asks) asked.reject([asks]);
    else if (asked.method === 'password') judge(asked.password);
    else asked.prompt([{ prompt: 'Password: ', echo: false }], ([answer]) => judge(answer));
  };
  const server = new ssh2.Server({ hostKeys: [options.hostKey ?? makeKey()] }, (client) => {
    client.on('error', () => {});
    client.on('authentication', check);
    client.on('session', (accept) => {
      const session = accept();
      if (options.neverBegins) session.on('sftp', () => {});
      else session.on('sftp', (begin) => answer(begin(), options, (reads) => (mostReads = Math.max(mostReads, reads))));
    });
  });
  const listener = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {}).on('close', () => sockets.delete(socket));
    sockets.add(socket);
    server.injectSocket(socket);
  });
  const sockets = new Set<{ destroy(): unknown }>();
  await new Promise<void>((resolve) => listener.listen(options.port ?? 0, '127.0.0.1', resolve));
  releaseAfter(t, async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => listener.close(resolve));
  });
  const { port } = listener.address() as { port: number };
  return { port, mostReads: () => mostReads, openCount: () => sockets.size, tried };
}

function answer(sftp: SFTPWrapper, options: ScriptedSftpOptions, count: (reads: number) => void): void {
  const { files = {}, folders = {}, endless = {}, hasSizes = true, mostReadBytes = 256 * 1024 } = options;
  const opened: { path: string; isListed: boolean }[] = [];
  const bytesAt = (path: string) => (Object.hasOwn(files, path) ? (files[path] as Uint8Array) : null);
  const isFolder = (path: string) => Object.hasOwn(folders, path) || Object.hasOwn(endless, path);
  const plain = (path: string) => path.replace(/(.)\/+$/, '$1');
  const attributes = (type: keyof typeof types, sizeBytes: number) =>
    ({ mode: types[type], uid: 0, gid: 0, ...(hasSizes && { size: sizeBytes }), atime: 1, mtime: 1_500_000_000 }) as never;
  const open = (id: number, path: string) => {
    const handle = Buffer.alloc(4);
    handle.writeUInt32BE(opened.push({ path, isListed: false }) - 1);
    sftp.handle(id, handle);
  };
  const of = (handle: Buffer) => opened[handle.readUInt32BE()] as (typeof opened)[number];
  const tell = (id: number, path: string) => {
    const bytes = bytesAt(path);
    if (bytes !== null) sftp.attrs(id, attributes('file', bytes.length));
    else if (isFolder(path)) sftp.attrs(id, attributes('folder', 4096));
    else sftp.status(id, status.NO_SUCH_FILE);
  };
  let reads = 0;
  let listedCount = 0;
  sftp.on('error', () => {});
  sftp.on('STAT', (id, path) => tell(id, plain(path)));
  sftp.on('FSTAT', (id, handle) => tell(id, of(handle).path));
  sftp.on('CLOSE', (id) => sftp.status(id, status.OK));
  sftp.on('OPEN', (id, path) => {
    if (options.isMute) return;
    if (bytesAt(path) === null) sftp.status(id, status.NO_SUCH_FILE);
    else open(id, path);
  });
  sftp.on('OPENDIR', (id, path) => {
    if (isFolder(plain(path))) open(id, plain(path));
    else sftp.status(id, status.NO_SUCH_FILE);
  });
  sftp.on('READDIR', (id, handle) => {
    const folder = of(handle);
    const again = Object.hasOwn(endless, folder.path) ? endless[folder.path] : undefined;
    if (folder.isListed && again === undefined) return void sftp.status(id, status.EOF);
    folder.isListed = true;
    const listed =
      again?.map((one): Listed => ({ ...one, name: one.name ?? `file-${listedCount++}` })) ??
      (folders[folder.path] as Listed[]);
    sftp.name(
      id,
      listed.map(({ name, type = 'file', sizeBytes = 1 }) => ({
        filename: name,
        longname: name,
        attrs: attributes(type, sizeBytes),
      })),
    );
  });
  sftp.on('READ', (id, handle, offset, lengthBytes) => {
    count(++reads);
    // Answered a moment later, so that it shows how many are asked for meanwhile.
    setImmediate(() => {
      reads--;
      const bytes = bytesAt(of(handle).path) as Uint8Array;
      const part = bytes.subarray(offset, offset + Math.min(lengthBytes, mostReadBytes));
      if (part.length === 0) sftp.status(id, status.EOF);
      else sftp.data(id, Buffer.from(part));
    });
  });
}
