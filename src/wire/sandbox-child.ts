/** The process that reads the documents of strangers; see `sandbox.ts`. It ends when the one that started it does. */
import { toFailure } from '#core/errors.ts';
import { readMetainfo } from './metainfo.ts';
import { readMetalink } from './metalink.ts';
import type { ReadAnswer, Readings, ReadRequest } from './sandbox.ts';

const readers: { [K in keyof Readings]: (bytes: Uint8Array) => Readings[K] } = {
  torrent: readMetainfo,
  metalink: readMetalink,
};

process.on('message', (request: ReadRequest) => process.send?.(answer(request)));
process.on('disconnect', () => process.exit());
process.send?.('ready');

function answer({ kind, bytes }: ReadRequest): ReadAnswer {
  try {
    return { value: readers[kind](bytes) };
  } catch (error) {
    const { code, message } = toFailure(error);
    return { failure: { code, message } };
  }
}
