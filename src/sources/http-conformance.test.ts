import { conformSource, type SourceFixture } from '#testing/conform-source.ts';
import { putFilesIn } from '#testing/put-files.ts';
import { serveHostile } from '#testing/serve-hostile.ts';
import { serveNginx } from '#testing/serve-nginx.ts';
import { http } from './http.ts';

const nginxFiles: SourceFixture = {
  async start(t) {
    const { folder, origin } = await serveNginx(t, { user: 'anna', password: 'secret' });
    const files = putFilesIn(folder);
    const encoded = (path: string) => path.split('/').map(encodeURIComponent).join('/');
    const target = (path: string) => ({ link: `${origin}/${encoded(path)}` });
    const versions = new Map<string, Uint8Array>();
    return {
      ...files,
      put(path, bytes) {
        versions.set(path, bytes);
        files.put(path, bytes);
      },
      target,
      wrongLogin: (path) => ({
        link: `${origin}/private/${encoded(path)}`,
        request: { user: { name: 'anna', password: 'wrong-password' } },
      }),
      forbid(path) {
        return { link: `${origin}/cookie/${encoded(path)}` };
      },
      async sizeless(path) {
        const server = await serveHostile(t, { body: Buffer.from(versions.get(path) as Uint8Array) });
        return { link: server.url('no-length') };
      },
    };
  },
  cannot: {
    folder: 'HTTP has no folders: a page that lists files is a page.',
    'huge folder': 'HTTP has no folders: a page that lists files is a page.',
  },
};

conformSource(http, nginxFiles);
