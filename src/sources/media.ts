import { defineSource } from '#core/source.ts';

const manifestTypes = /^application\/(?:vnd\.apple\.mpegurl|x-mpegurl|dash\+xml)$/i;
/** Of HLS as well as of lists of songs. */
const listTypes = /^audio\/(?:x-)?mpegurl$/i;

/** Video and sound of web pages, by yt-dlp and ffmpeg, which are programs of their own. */
export const media = defineSource({
  kind: 'media',
  schemes: [],
  options: loadRun,

  async isReady(context) {
    const { hasProgram } = await loadRun();
    return hasProgram(context);
  },

  /** A manifest of HLS (RFC 8216) or DASH: the list of the pieces of a video, not the video. */
  recognises({ mediaType, name, firstBytes }) {
    const type = mediaType?.split(';', 1)[0]?.trim() ?? '';
    const text = new TextDecoder('latin1').decode(firstBytes);
    // Lists of songs begin like HLS, but have none of its tags.
    const isHls = text.startsWith('#EXTM3U') && text.includes('#EXT-X-');
    const isDash = text.trimStart().startsWith('<') && /<MPD[\s>]/.test(text);
    return manifestTypes.test(type) || (listTypes.test(type) && /\.m3u8$/i.test(name ?? '')) || isHls || isDash;
  },

  async guesses(context, { mediaType }) {
    if (!/^(?:text\/html|application\/xhtml\+xml)\b/i.test(mediaType ?? '')) return false;
    const { asksPages } = await loadRun();
    return asksPages(context);
  },

  async probe(...asked) {
    const { probeMedia } = await loadRun();
    return probeMedia(...asked);
  },

  async run(...asked) {
    const { runMedia } = await loadRun();
    return runMedia(...asked);
  },
});

function loadRun() {
  return import('#wire/yt-dlp/run.ts');
}
