/** A small file server with sample files that do not exist: their bytes are computed, so any size costs nothing. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';

export type SampleFile = { name: string; sizeBytes: number; bytesPerSecond: number };

/** Serves the files on loopback with ranges; resolves with the origin. */
export async function serveSamples(files: SampleFile[]): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    answer(files, request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return { server, origin: `http://127.0.0.1:${port}` };
}

async function answer(files: SampleFile[], request: IncomingMessage, response: ServerResponse): Promise<void> {
  const name = decodeURIComponent((request.url ?? '/').slice(1));
  const file = files.find((candidate) => candidate.name === name);
  if (file === undefined) {
    response.writeHead(404).end();
    return;
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '');
  const startByte = range === null ? 0 : Number(range[1]);
  const endByte = range === null || range[2] === '' ? file.sizeBytes : Number(range[2]) + 1;
  response.writeHead(range === null ? 200 : 206, {
    'Content-Length': endByte - startByte,
    'Accept-Ranges': 'bytes',
    ETag: `"${file.sizeBytes}"`,
    ...(range !== null && { 'Content-Range': `bytes ${startByte}-${endByte - 1}/${file.sizeBytes}` }),
  });
  await pipeline(Readable.from(slices(file, startByte, endByte)), response);
}

async function* slices({ name, bytesPerSecond }: SampleFile, startByte: number, endByte: number): AsyncGenerator<Buffer> {
  const sliceBytes = Math.max(1024, Math.round(bytesPerSecond / 10));
  for (let at = startByte; at < endByte; at += sliceBytes) {
    yield Buffer.alloc(Math.min(sliceBytes, endByte - at), name);
    await sleep(100);
  }
}
