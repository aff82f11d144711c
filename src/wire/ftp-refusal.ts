/** What the replies of FTP servers mean to a download (RFC 959 section 4.2; the words of servers where a code is not enough). */
import { FlotillaError } from '#core/errors.ts';
import type { FtpReply } from './ftp-control.ts';
import { textOfName } from './ftp-path.ts';

/** Does the server want TLS before it goes on? There is no code of its own for that that servers would use. */
export function wantsTls({ code, text }: FtpReply): boolean {
  return [421, 503, 522, 530, 534, 550].includes(code) && /\b(TLS|SSL|AUTH|encrypt\w*|secure)\b/i.test(text);
}

/** All connections that it allows are in use. `hasBeenIn`: it let somebody in with the same login before. */
export function isTooMany({ code, text }: FtpReply, hasBeenIn: boolean): boolean {
  if (code === 421 || code === 120) return true;
  return code === 530 && (hasBeenIn || /too many|maximum|limit|connections|already|try (again )?later|full\b/i.test(text));
}

/** A login that failed. */
export function loginRefusal(host: string, reply: FtpReply, hasBeenIn: boolean): FlotillaError {
  if (isTooMany(reply, hasBeenIn)) return busy(host, reply);
  if (reply.code >= 400 && reply.code < 500) return serverError(host, reply);
  if (reply.code !== 530 && reply.code !== 532) {
    return new FlotillaError('refused', `${host} lets nobody in (${said(reply)}).`);
  }
  const message = `${host} wants another user name or password (${said(reply)}). Put them into the link, or beside it: ftp://user:password@…`;
  return new FlotillaError('auth_required', message);
}

/** A file that does not come. `isThere`: the server knows of it. */
export function fileRefusal(host: string, shownLink: string, reply: FtpReply, isThere: boolean): FlotillaError {
  const { code, text } = reply;
  if (code === 421) return busy(host, reply);
  if (code === 425 || code === 426) {
    return new FlotillaError('connection_lost', `${host} could not open a data connection (${said(reply)}).`);
  }
  if (code < 500) return serverError(host, reply);
  if (code === 522 || code === 534) {
    return new FlotillaError('tls_failed', `${host} refuses the secure data connection (${said(reply)}).`);
  }
  if (code === 530 || code === 532) return loginRefusal(host, reply, false);
  const isForbidden = /permission|denied|not allowed|forbidden|privilege|access/i.test(text);
  if (code === 550 && !isForbidden && !isThere) {
    return new FlotillaError('not_found', `There is nothing at ${shownLink} (${said(reply)}). Check the link.`);
  }
  const message = `${host} refuses to send ${shownLink} (${said(reply)}). It may need a login, or another one.`;
  return new FlotillaError('refused', message);
}

export function busy(host: string, reply: FtpReply): FlotillaError {
  return new FlotillaError('busy', `${host} takes no more connections now (${said(reply)}).`);
}

function serverError(host: string, reply: FtpReply): FlotillaError {
  return new FlotillaError('server_error', `${host} has a problem of its own (${said(reply)}). A later try may help.`);
}

/** The code and the beginning of what the server said, as one line of text that can do no harm. */
function said({ code, text }: FtpReply): string {
  const words = textOfName(Buffer.from(text, 'latin1'))
    .replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ')
    .trim();
  const short = words.length > 120 ? `${words.slice(0, 119)}…` : words;
  return short === '' ? String(code) : `${code}: ${short}`;
}
