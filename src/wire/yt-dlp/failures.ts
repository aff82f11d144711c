/** What yt-dlp prints when it fails, as failures of ours. It has no codes: only its text tells what happened. */
import { type ErrorCode, type FailureOptions, FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { tooOld } from './version.ts';

type Known = readonly [pattern: RegExp, code: ErrorCode, sentence: string, options?: FailureOptions];

/** Sites let go of so many requests after about this long. */
const busyMs = 60_000;
/** A live stream that has not begun is looked at again. */
const notBegunMs = 10 * 60_000;

const known: readonly Known[] = [
  [/no such option|invalid progress|unrecognized arguments/i, 'tool_missing', tooOld(null)],
  [
    /ffmpeg (?:is|was|could) not|ffprobe and ffmpeg not found|ffmpeg not found|ffprobe not found|ffmpeg-location .* does not exist/i,
    'tool_missing',
    'ffmpeg is needed for this and was not found. Install it, or say where it is in the settings of the source media.',
  ],
  [/No space left on device|Errno 28/i, 'no_space', 'The disk is full. Free some room; the download goes on by itself.'],
  [
    /HTTP Error 404|HTTP Error 410|video (?:is )?unavailable|has been removed|does not exist|no longer available/i,
    'not_found',
    'There is nothing at this link (any more).',
  ],
  [
    /HTTP Error 429|too many requests|rate.?limit/i,
    'busy',
    'The site says that it was asked too often. It is asked again later.',
    { retryAfterMs: busyMs },
  ],
  [/HTTP Error 401|HTTP Error 407/i, 'auth_required', 'The site wants a login. Give the cookies of your browser for it.'],
  [
    /HTTP Error 403/i,
    'refused',
    'The site refuses to give this away (403). It may want cookies, another user agent or another address.',
  ],
  [/HTTP Error 5\d\d/i, 'server_error', 'The site has a problem of its own. It is asked again later.'],
  [/HTTP Error 4\d\d/i, 'refused', 'The site refuses to answer.'],
  [/DRM/, 'unsupported', 'This is protected against copying (DRM), so it can only be watched with the player of its site.'],
  [
    /private video|video is private|members.only|join this channel|sign in|log ?in|login required|cookies|account is required|age.restricted|confirm your age|premium/i,
    'auth_required',
    'The site shows this only to people who are signed in. Give the cookies of your browser for it.',
  ],
  [
    /available (?:in|from) your (?:country|location|region)|geo.?restrict|blocked it in your country|unavailable in your/i,
    'refused',
    'The site does not show this in the country that it is asked from. A proxy or a worker elsewhere may get it.',
  ],
  [
    /live event will begin|premieres? in|has not started|not started yet|will begin (?:in|shortly)|upcoming/i,
    'busy',
    'This has not begun yet. It is looked at again.',
    { retryAfterMs: notBegunMs },
  ],
  [
    /Requested format is not available|No such format/i,
    'unsupported',
    'What was chosen is not there: this page has no such format. Choose another one, or none.',
    // A stage may choose another.
    { retry: 'elsewhere' },
  ],
  [
    /Unsupported URL|No video formats found|no video (?:could|was)|There's no video|is not a valid URL/i,
    'unsupported',
    'No video or sound was found behind this link.',
  ],
  [
    /CERTIFICATE_VERIFY_FAILED|certificate verify failed|SSL:/i,
    'tls_failed',
    'The secure connection to the site failed. Check the certificate of the server.',
  ],
  [/timed? ?out/i, 'timed_out', 'The site took too long to answer.'],
  [
    /fragment \d+ not found|Unable to download (?:fragment|video data)|bytes read|IncompleteRead|Connection (?:reset|aborted|broken)|Remote end closed|RemoteDisconnected|EOF occurred/i,
    'connection_lost',
    'The connection to the site broke before everything was there.',
  ],
  [
    /Postprocessing:|Conversion failed|ffmpeg exited/i,
    'unsupported',
    'ffmpeg could not make this kind of file of what arrived. Choose another container; mkv takes everything.',
    // A stage may choose another.
    { retry: 'elsewhere' },
  ],
];

/** Of the lines in which it complains; `ours` is the failure of our own proxy that lay behind it, if there was one. */
export function failureOf(errors: readonly string[], ours: FlotillaError | null): FlotillaError {
  const text = errors.map(withoutOrigin).join('\n');
  // What our proxy refused comes back as a status of HTTP, and its own sentence says more.
  if (
    ours !== null &&
    (ours.code === 'address_refused' || /Tunnel connection failed|HTTP Error 502|to proxy|ProxyError/i.test(text))
  )
    return ours;
  for (const [pattern, code, sentence, options] of known) {
    if (pattern.test(text)) return new FlotillaError(code, withReason(sentence, errors), options);
  }
  return new FlotillaError('protocol_error', withReason('The page could not be read.', errors));
}

/** The sentence of the program in its own words, short and without what is secret. */
function withReason(sentence: string, errors: readonly string[]): string {
  const reason = shown(errors[0] ?? '');
  return reason === '' ? sentence : `${sentence} yt-dlp says: ${reason}`;
}

/** Without the extractor, the name of the page and links, which strangers chose. */
function withoutOrigin(line: string): string {
  return line.replace(/^ERROR:\s*(?:\[[^\]]*\]\s*(?:\S{1,200}:\s)?)?/, '').replace(/\bhttps?:\/\/\S+/gi, '');
}

const longestReason = 300;

/** One line of yt-dlp as people may see it: no query of a link, which may be a key. */
export function shown(line: string): string {
  const plain = line
    .replace(/^(?:ERROR|WARNING):\s*/, '')
    .replace(/; please report this issue on.*$/s, '')
    .replace(/ \(caused by .*$/s, '')
    .replace(/\bhttps?:\/\/[^\s'"<>)]+/g, (link) => showLink(link.replace(/\?.*$/s, '')))
    .replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
    .trim();
  const short = plain.length > longestReason ? `${plain.slice(0, longestReason - 1)}…` : plain;
  return short === '' || /[.!?…]$/.test(short) ? short : `${short}.`;
}
