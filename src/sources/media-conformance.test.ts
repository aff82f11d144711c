import { join } from 'node:path';
import { conformSource, type SourceFixture } from '#testing/conform-source.ts';
import { putFilesIn } from '#testing/put-files.ts';
import { mediaSettings, writePage } from '#testing/serve-media.ts';
import { serveNginx } from '#testing/serve-nginx.ts';
import { media } from './media.ts';

/** Each file is a video on a page of its own. */
const pages: SourceFixture = {
  async start(t) {
    const { folder, origin } = await serveNginx(t);
    const { put } = putFilesIn(folder);
    const target = (path: string) => ({ link: `${origin}/${path}.html`, settings: mediaSettings });
    return {
      put(path, bytes) {
        put(`${path}.mp4`, bytes);
        writePage(join(folder, `${path}.html`), path, `<video src="/${path}.mp4"></video>`);
      },
      target,
      found: () => ({ name: 'folder-file.bin (1).mp4', sizeBytes: null }),
      forbid: (path) => target(`cookie/${path}`),
    };
  },
  cannot: {
    range: 'yt-dlp fetches by itself, and nobody reads stretches of what it fetches.',
    'zero bytes': 'yt-dlp takes a file without a byte for a failure.',
    'unknown size': 'No page says how large its video is, so every case tries that.',
    'odd names': 'Names come from titles: naming.test.ts tries them.',
    changed: 'Within one run yt-dlp does not ask for the version; what changes between runs is tried in media.test.ts.',
    stall: 'yt-dlp gives up a silent connection by itself, after 30 s, which is too long for a test.',
    'wrong login': 'yt-dlp gives logins to the login pages of sites it knows, none of which is here.',
    folder: 'A list of videos is a page of its own kind: media.test.ts tries it.',
    'huge folder': 'A list of videos is a page of its own kind: media.test.ts tries it.',
  },
};

conformSource(media, pages);
