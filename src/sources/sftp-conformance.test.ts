import { chmodSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { conformSource, type SourceFixture } from '#testing/conform-source.ts';
import { putFilesIn } from '#testing/put-files.ts';
import { serveScriptedSftp } from '#testing/serve-scripted-sftp.ts';
import { serveSftp } from '#testing/serve-sftp.ts';
import { sftp } from './sftp.ts';

const opensshFiles: SourceFixture = {
  server: 'OpenSSH',
  async start(t) {
    const server = await serveSftp(t);
    const request = { user: { name: server.user, password: '' }, sshKey: server.key };
    // The files of a folder are asked for with links that hold no login.
    const link = (path: string) => server.link(path).replace(`${server.user}@`, '');
    return {
      ...putFilesIn(server.folder),
      target: (path) => ({ link: link(path), request }),
      wrongLogin: (path) => ({ link: link(path), request: { user: { name: server.user, password: 'wrong-password' } } }),
      forbid(path) {
        chmodSync(join(server.folder, path), 0);
        return { link: link(path), request };
      },
      async sizeless(path) {
        const bytes = readFileSync(join(server.folder, path));
        const { port } = await serveScriptedSftp(t, { files: { '/file.bin': bytes }, hasSizes: false });
        return { link: `sftp://anna:secret@127.0.0.1:${port}/file.bin` };
      },
      folder: (path) => ({ link: `${link(path)}/`, request }),
    };
  },
};

conformSource(sftp, opensshFiles);
