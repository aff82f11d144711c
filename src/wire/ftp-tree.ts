/** All files below a folder of an FTP server. */
import { DistinctPaths } from '#core/distinct-paths.ts';
import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import type { ResolvedFile } from '#core/resolution.ts';
import { TreeSize } from '#core/tree-size.ts';
import { absolute, type FtpConnection, type FtpOpening } from './ftp-connection.ts';
import { FtpRefused, readAll } from './ftp-data.ts';
import { type FtpEntry, ListingReader } from './ftp-listing.ts';
import { withPath } from './ftp-look.ts';
import { linksBelow, textOfName } from './ftp-path.ts';
import { fileRefusal } from './ftp-refusal.ts';

const mostFiles = 100_000;
const mostFolders = 20_000;
const mostDepth = 64;
const mostListingBytes = 64 * 1024 * 1024;

/** A folder that is still to be read: its name, part by part, below the one that was asked for. */
type Folder = { parts: Buffer[] };

/**
 * Below a folder of this name, in the order of their names, folders after files, so that it is the same each time. Links are not followed. Throws `not_found`,
 * `refused`, and `unsupported` when there are too many.
 */
export async function listTree(
  opening: FtpOpening,
  connection: FtpConnection,
  path: Buffer,
  rootName: string,
  signal: AbortSignal,
): Promise<ResolvedFile[]> {
  const root = absolute(connection, path);
  const paths = new DistinctPaths();
  const size = new TreeSize(showLink(opening.link));
  const linkOf = linksBelow(opening.link);
  const files: ResolvedFile[] = [];
  const folders: Folder[] = [{ parts: [] }];
  for (let read = 0; folders.length > 0; read++) {
    const { parts } = folders.pop() as Folder;
    if (read + folders.length >= mostFolders || parts.length > mostDepth) throw tooMany(opening.link, 'folders');
    const entries = await listFolder(opening, connection, joined(root, parts), parts.length === 0, signal);
    entries.sort((a, b) => Buffer.compare(a.name, b.name));
    const below: Folder[] = [];
    for (const { name, kind, sizeBytes } of entries) {
      if (kind === 'folder') below.push({ parts: [...parts, name] });
      else if (kind === 'file') {
        const whole = [...parts, name];
        const file = { path: paths.add([rootName, ...whole.map(textOfName)]), sizeBytes, link: linkOf(whole) };
        size.add(file.path, file.link);
        files.push(file);
      }
    }
    if (files.length > mostFiles) throw tooMany(opening.link, 'files');
    for (const folder of below.reverse()) folders.push(folder);
  }
  if (files.length === 0) {
    throw new FlotillaError('not_found', `There are no files in the folder ${showLink(opening.link)}.`);
  }
  return files;
}

/** What is in one folder. One below the first that may not be read is a failure too: half a folder is not what was asked for. */
async function listFolder(
  opening: FtpOpening,
  connection: FtpConnection,
  path: Buffer,
  isFirst: boolean,
  signal: AbortSignal,
): Promise<FtpEntry[]> {
  try {
    if (opening.server.features?.has('MLST')) {
      const command = path.length === 0 ? Buffer.from('MLSD') : withPath('MLSD', path);
      return (await read(opening, connection, 'mlsd', command, signal)).entries;
    }
    return await listByList(opening, connection, path, signal);
  } catch (error) {
    if (!(error instanceof FtpRefused)) throw error;
    // RFC 959 gives 450 and 550 to what is not there; some servers give them to folders in which nothing is.
    if (/\bno (such )?files? found|directory (is )?empty|total 0/i.test(error.reply.text)) return [];
    const what = isFirst ? showLink(opening.link) : `${showLink(opening.link)} (${textOfName(path)})`;
    throw fileRefusal(opening.link.host, what, error.reply, !isFirst);
  }
}

/** From inside the folder: what follows LIST is read as options and patterns by many servers. */
async function listByList(
  opening: FtpOpening,
  connection: FtpConnection,
  path: Buffer,
  signal: AbortSignal,
): Promise<FtpEntry[]> {
  const { control, home } = connection;
  let suffix = path.length === 0 ? '' : ` ${path.toString('latin1')}`;
  if (home !== null) {
    const reply = await control.ask(withPath('CWD', path), signal);
    if (reply.code >= 300) throw new FtpRefused(reply);
    suffix = '';
    // Names that begin with a dot are shown by many servers only to those who ask.
    const all = await read(opening, connection, 'list', Buffer.from('LIST -a'), signal).catch((error: unknown) => {
      if (error instanceof FtpRefused) return null;
      throw error;
    });
    if (all !== null && all.entries.length > 0) return all.entries;
  }
  const { entries, strangeCount } = await read(opening, connection, 'list', Buffer.from(`LIST${suffix}`, 'latin1'), signal);
  if (entries.length > 0 || strangeCount === 0) return entries;
  const message = `${opening.link.host} lists its folders in a form that Flotilla does not know. Add the links of the files instead.`;
  throw new FlotillaError('unsupported', message);
}

async function read(
  opening: FtpOpening,
  connection: FtpConnection,
  form: 'mlsd' | 'list',
  command: Buffer,
  signal: AbortSignal,
): Promise<ListingReader> {
  const reader = new ListingReader(form);
  let leftBytes = mostListingBytes;
  const take = (bytes: Uint8Array) => {
    reader.take(bytes);
    leftBytes -= bytes.length;
    return leftBytes > 0 && reader.entries.length <= mostFiles + mostFolders;
  };
  if (!(await readAll(opening, connection, command, take, signal))) throw tooMany(opening.link, 'files');
  reader.end();
  return reader;
}

function joined(root: Buffer, parts: readonly Buffer[]): Buffer {
  if (parts.length === 0) return root;
  const below = Buffer.concat(parts.flatMap((part) => [slash, part]).slice(1));
  if (root.length === 0) return below;
  return Buffer.concat(root.at(-1) === slash[0] ? [root, below] : [root, slash, below]);
}

const slash = Buffer.from('/');

function tooMany(link: URL, what: 'files' | 'folders'): FlotillaError {
  const most = what === 'files' ? mostFiles : mostFolders;
  const message = `There are more than ${most} ${what} below ${showLink(link)}, or its list never ends. Add folders below it one by one.`;
  return new FlotillaError('unsupported', message);
}
