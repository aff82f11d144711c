/** The promises of a source, on a real ProFTPD: in the clear, and with TLS in both ways. */
import { readFileSync } from 'node:fs';
import { conformSource, type ServedFiles } from '#testing/conform-source.ts';
import { putFilesIn } from '#testing/put-files.ts';
import { type FtpOptions, serveFtp } from '#testing/serve-ftp.ts';
import type { Scope } from '#testing/temp.ts';
import { ftp } from './ftp.ts';

async function startFtp(t: Scope, options: FtpOptions = {}): Promise<ServedFiles> {
  const server = await serveFtp(t, options);
  const { user, certificate } = server;
  const request = { user, ...(certificate && { ca: readFileSync(certificate.caPath, 'utf8') }) };
  const encoded = (path: string) => path.split('/').map(encodeURIComponent).join('/');
  const linkOf = (path: string) => `${server.origin}/${encoded(path)}`;
  // One authority for all of them.
  const without = async (path: string, commands: string[]) => {
    const { origin } = await serveFtp(t, { ...options, certificate, folder: server.folder, without: commands });
    return { link: `${origin}/${encoded(path)}`, request };
  };
  return {
    ...putFilesIn(server.folder),
    target: (path) => ({ link: linkOf(path), request }),
    wrongLogin: (path) => ({ link: linkOf(path), request: { ...request, user: { name: 'anna', password: 'wrong-password' } } }),
    forbid: (path) => without(path, ['RETR']),
    sizeless: (path) => without(path, ['SIZE', 'MDTM', 'MLSD', 'MLST']),
    folder: (path) => ({ link: `${linkOf(path)}/`, request }),
  };
}

conformSource(ftp, { server: 'in the clear', start: (t) => startFtp(t) });
conformSource(ftp, { server: 'that wants TLS', start: (t) => startFtp(t, { tls: 'required' }) });
