/**
 * Puts modules of our own in the place of some that the torrent library brings: the readers of what strangers send become strict and
 * bounded ones, and native parts that are not wanted stay away. Imported before the library is.
 */
import { registerHooks } from 'node:module';

const standIns = new Map(
  Object.entries({
    bencode: './stand-in-bencode.ts',
    'cross-fetch-ponyfill': './stand-in-fetch.ts',
    'webrtc-polyfill': './stand-in-webrtc.ts',
    // Its reader falls back to TCP alone.
    'utp-native': './stand-in-utp.ts',
  }).map(([name, path]) => [name, new URL(path, import.meta.url).href]),
);

registerHooks({
  resolve(specifier, context, nextResolve) {
    const url = standIns.get(specifier);
    return url === undefined ? nextResolve(specifier, context) : { url, shortCircuit: true };
  },
});
