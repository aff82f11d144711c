/** What of a download only its worker may know: sealed beside it as long as it may be needed, then forgotten. */
import type { DownloadOptions } from '#core/download.ts';
import type { Failure } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import type { RequestOptions } from '#core/request.ts';
import type { AttachmentRow, StoredDownload, Transaction } from '#core/store.ts';
import type { Parts } from './parts.ts';

/** Links are here whole when one of them has a password. */
type Secrets = { link?: string; mirrors?: string[]; request?: RequestOptions };

/** A link and what is wished, as they were given. */
type Wish = { link: string; options: DownloadOptions };

/** The wish as it may be written down, and what of it may not; null: there is no secret in it. */
export function partSecrets({ link, options }: Wish): Wish & { secrets: Secrets | null } {
  const { request, ...open } = options;
  const shown = { link: showLink(link), mirrors: options.mirrors?.map(showLink) };
  const secrets: Secrets = {
    ...(hasPassword(link) && { link }),
    ...(options.mirrors?.some(hasPassword) && { mirrors: options.mirrors }),
    ...(request !== undefined && { request }),
  };
  const isSecret = Object.keys(secrets).length > 0;
  const shownOptions = shown.mirrors === undefined ? open : { ...open, mirrors: shown.mirrors };
  return { link: shown.link, options: shownOptions, secrets: isSecret ? secrets : null };
}

export function sealSecrets({ sealer }: Parts, downloadId: string, secrets: Secrets): AttachmentRow {
  return { downloadId, kind: 'secrets', body: sealer.seal(JSON.stringify(secrets), about(downloadId)) };
}

/** The wish as it was given. null: its secrets were forgotten, or the key they were sealed with is gone. */
export async function recallWish(parts: Parts, tx: Transaction, download: StoredDownload): Promise<Wish | null> {
  const { id, link, options, secrets } = download;
  if (secrets === 'none') return { link, options };
  const sealed = secrets === 'sealed' ? await tx.attachments.get(id, 'secrets') : null;
  const text = sealed === null ? null : parts.sealer.open(sealed, about(id));
  if (text === null) return null;
  const { link: whole = link, ...others }: Secrets = JSON.parse(text);
  return { link: whole, options: { ...options, ...others } };
}

/** Why a download without its secrets is not asked for: what came without them may be a page that says "log in". */
export function secretsGone({ secrets }: StoredDownload): Failure {
  const why =
    secrets === 'forgotten'
      ? 'were forgotten when it was removed'
      : 'cannot be read: the file secret.key in the data folder is not the one they were sealed with';
  const message = `Its password, login, cookies or headers ${why}. Give them again (request), or add the link again.`;
  return { code: 'auth_required', message, retry: 'never', retryAfterMs: null };
}

/** A wish whose secrets are gone, to be given new ones: the links without the passwords that nobody knows any more. */
export function withoutSecrets({ link, options }: StoredDownload): Wish {
  const mirrors = options.mirrors?.map(withoutLogin);
  return { link: withoutLogin(link), options: mirrors === undefined ? options : { ...options, mirrors } };
}

/** Nobody will need them any more. Returns what the download is told of it. */
export async function forgetSecrets(
  tx: Transaction,
  { id, secrets }: StoredDownload,
): Promise<Pick<StoredDownload, 'secrets'>> {
  if (secrets !== 'sealed') return { secrets };
  await tx.attachments.remove(id, 'secrets');
  return { secrets: 'forgotten' };
}

/** Seals what an older program kept as it was given. */
export async function sealOpenSecrets(parts: Pick<Parts, 'sealer'>, tx: Transaction): Promise<void> {
  for (const { downloadId, body } of await tx.attachments.listOf('unsealed')) {
    await tx.attachments.putMany([{ downloadId, kind: 'secrets', body: parts.sealer.seal(body, about(downloadId)) }]);
    await tx.attachments.remove(downloadId, 'unsealed');
  }
}

/** What they are bound to. */
function about(downloadId: string): string {
  return `secrets of download ${downloadId}`;
}

function hasPassword(link: string): boolean {
  return new URL(link).password !== '';
}

function withoutLogin(link: string): string {
  if (!hasPassword(link)) return link;
  const url = new URL(link);
  url.username = '';
  url.password = '';
  return url.href;
}
