/** The web page: files that Vite has built, and its index for every address that is a page of it. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';

const index = 'index.html';

/** Answers a GET that no route has, when it is a browser looking for a page; false: it is something else. */
export type PageFallback = (request: FastifyRequest, reply: FastifyReply) => FastifyReply | false;

export async function registerWeb(app: FastifyInstance, webRoot: string | null): Promise<PageFallback> {
  if (webRoot === null || !existsSync(join(webRoot, index))) {
    return (request, reply) => isPage(request) && reply.code(503).type('text/html; charset=utf-8').send(notBuilt);
  }
  await app.register(fastifyStatic, {
    root: webRoot,
    index,
    redirect: false,
    cacheControl: false,
    dotfiles: 'ignore',
    setHeaders: (reply, path) => {
      // Vite puts a hash of the content into the names below `assets`; everything else keeps its name when it changes.
      const isHashed = /[/\\]assets[/\\]/.test(path.slice(webRoot.length));
      reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache');
    },
  });
  return (request, reply) => isPage(request) && reply.code(200).sendFile(index);
}

/** A person's browser at an address like /downloads/7. A missing script or picture must not get a page instead. */
function isPage(request: FastifyRequest): boolean {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  return isRead && (request.headers.accept ?? '').includes('text/html');
}

const notBuilt = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Flotilla</title>
<p>Flotilla is running, but its web page was not built yet. Run <code>npm run build</code> in the project folder and start it again.</p>
</html>
`;
