import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ErrorCode, FlotillaError } from '#core/errors.ts';
import { failureOf, shown } from './failures.ts';

/** Recorded from yt-dlp 2026.10.26, and from the texts in its extractors. */
const said: [string, ErrorCode][] = [
  [
    'ERROR: [generic] none: Unable to download webpage: HTTP Error 404: Not Found (caused by <HTTPError 404: Not Found>)',
    'not_found',
  ],
  ['ERROR: [generic] gone: Unable to download webpage: HTTP Error 410: Gone (caused by <HTTPError 410: Gone>)', 'not_found'],
  ['ERROR: [youtube] abc: Video unavailable', 'not_found'],
  [
    'ERROR: [generic] page: Unable to download webpage: HTTP Error 403: Forbidden (caused by <HTTPError 403: Forbidden>)',
    'refused',
  ],
  ['ERROR: [generic] too-many: Unable to download webpage: HTTP Error 429: Too Many Requests', 'busy'],
  ['ERROR: [generic] broken: Unable to download webpage: HTTP Error 500: Internal Server Error', 'server_error'],
  ['ERROR: Unsupported URL: http://127.0.0.1/empty.html', 'unsupported'],
  [
    'ERROR: [youtube] abc: Requested format is not available. Use --list-formats for a list of available formats',
    'unsupported',
  ],
  ['ERROR: [youtube] abc: This video is DRM protected', 'unsupported'],
  ['ERROR: [youtube] abc: Private video. Sign in if you have been granted access to this video', 'auth_required'],
  ['ERROR: [youtube] abc: Join this channel to get access to members-only content like this video', 'auth_required'],
  ['ERROR: [youtube] abc: Sign in to confirm your age. This video may be inappropriate for some users.', 'auth_required'],
  [
    'ERROR: [vimeo] 1: This video is only available for registered users. Use --cookies for the authentication',
    'auth_required',
  ],
  ['ERROR: [arte] 1: This video is not available from your location due to geo restriction', 'refused'],
  ['ERROR: [youtube] abc: The uploader has not made this video available in your country', 'refused'],
  ['ERROR: [youtube] abc: This live event will begin in 3 hours.', 'busy'],
  ['ERROR: [youtube] abc: Premieres in 10 minutes', 'busy'],
  [
    'ERROR: Postprocessing: ffprobe and ffmpeg not found. Please install or provide the path using --ffmpeg-location',
    'tool_missing',
  ],
  ['ERROR: ffmpeg-location /x does not exist! Continuing without ffmpeg', 'tool_missing'],
  ['ERROR: unable to write data: [Errno 28] No space left on device', 'no_space'],
  ['ERROR: [generic] x: Unable to download webpage: The read operation timed out', 'timed_out'],
  ['ERROR: unable to download video data: 500 bytes read, 1000 more expected', 'connection_lost'],
  ['ERROR: fragment 3 not found, unable to continue', 'connection_lost'],
  ['ERROR: [generic] x: [SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: self-signed certificate', 'tls_failed'],
  ['ERROR: Postprocessing: Conversion failed!', 'unsupported'],
  ['ERROR: Postprocessing:   Stream #0:1 -> #0:1 (copy)', 'unsupported'],
  ['ERROR: something that nobody has seen before', 'protocol_error'],
];

for (const [line, code] of said)
  test(`${line.slice(0, 70)}… is ${code}`, () => assert.equal(failureOf([line], null).code, code));

test('what a page is called says nothing about the failure', () => {
  const line = 'ERROR: [generic] sign-in-private-video-DRM-cookies: Unable to download webpage: HTTP Error 404: Not Found';
  assert.equal(failureOf([line], null).code, 'not_found');
});

test('what stands in a link says nothing about the failure either', () => {
  const link = 'HTTPS://example.org/login/premium/rate-limit.html?DRM=cookies&x=HTTP%20Error%20429';
  assert.equal(failureOf([`ERROR: Unsupported URL: ${link}`], null).code, 'unsupported');
  assert.equal(
    failureOf([`ERROR: [generic] Unable to download webpage: ${link}: HTTP Error 404: Not Found`], null).code,
    'not_found',
  );
});

test('an option that it does not know says that it is too old', () => {
  assert.equal(failureOf(['yt-dlp: error: no such option: --progress-delta'], null).code, 'tool_missing');
});

test('what the gate refused is said in our words, whatever yt-dlp made of it', () => {
  const refused = new FlotillaError('address_refused', 'No.');
  assert.equal(failureOf(['ERROR: [generic] x: HTTP Error 403: Forbidden'], refused), refused);
  const gone = new FlotillaError('connection_refused', 'Nobody there.');
  assert.equal(failureOf(['ERROR: [generic] x: Tunnel connection failed: 502 Bad Gateway'], gone), gone);
  assert.equal(failureOf(['ERROR: [generic] x: HTTP Error 404: Not Found'], gone).code, 'not_found');
});

test('nothing that may be a key is shown, and nothing is endless', () => {
  const line = shown(`ERROR: [x] 1: Cannot get https://anna:secret@example.org/v?token=abc: ${'long '.repeat(200)}`);
  assert.ok(!/secret|token|abc/.test(line), line);
  assert.ok(line.length <= 300);
  assert.match(line, /https:\/\/anna:\*\*\*@example\.org\/v/);
});
