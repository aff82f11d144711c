/** What identifies one version of a remote file (RFC 9110 section 8.8). null is "not given by the server". */
export type Validator = { etag: string | null; lastModified: string | null };

export type DigestAlgorithm = 'md5' | 'sha-1' | 'sha-256' | 'sha-512' | CrcAlgorithm;
/** As S3 names them. They find accidents, and stop nobody who wants to deceive. */
export type CrcAlgorithm = 'crc32' | 'crc32c' | 'crc64nvme';
/** A promised or computed digest, lower-case hex. */
export type Digest = { algorithm: DigestAlgorithm; hex: string };

/** Promised digests of the file's pieces in order, each piece `lengthBytes` long besides the last; lower-case hex. */
export type PieceDigests = { algorithm: DigestAlgorithm; lengthBytes: number; hexes: string[] };

export type ResolvedFile = {
  /** Safe relative path: every part went through `safeName`. */
  path: string;
  /** null: the server does not say. */
  sizeBytes: number | null;
  /** Where its bytes are, of sources that fetch file by file; absent: at the link itself. */
  link?: string;
};

/** The link of a file of what `given` leads to. Such links hold no login: it is in the link that a person gave. */
export function linkOfFile({ link }: ResolvedFile, given: URL): URL {
  const own = new URL(link ?? given);
  if (own.protocol === given.protocol && own.host === given.host && own.username === '') {
    own.username = given.username;
    own.password = given.password;
  }
  return own;
}

/** The one file that there is, if it stands for the whole of what was found; null: it is a folder, or at the link itself. */
export function onlyLinkedFile({ files }: Resolution): ResolvedFile | null {
  const [only, ...others] = files;
  return only?.link !== undefined && others.length === 0 && !only.path.includes('/') ? only : null;
}

/** More files than this in one download are refused. */
export const mostFiles = 100_000;

/** null: the size of one of them is not known, or there are none yet. */
export function totalBytes(files: Pick<ResolvedFile, 'sizeBytes'>[]): number | null {
  if (files.length === 0) return null;
  return files.reduce<number | null>((sum, { sizeBytes }) => (sum === null || sizeBytes === null ? null : sum + sizeBytes), 0);
}

/** Result of probing a link. */
export type Resolution = {
  kind: string;
  name: string;
  files: ResolvedFile[];
  /** There are so many that they are kept elsewhere, and `files` is empty; absent: `files` has all. */
  fileCount?: number;
  /** null: unknown until bytes flow. */
  resumable: boolean | null;
  /** Where the bytes come from after redirects, shown form. */
  finalUrl: string;
  validator: Validator;
  mediaType: string | null;
  digests: Digest[];
  /** Names a torrent (BEP 3), lower-case hex. */
  infoHash?: string;
  /** Likewise by version 2 (BEP 52). */
  infoHashV2?: string;
  /** What is special to the kind, for people who choose: formats, subtitles. Plain data, small. */
  details?: Record<string, unknown>;
};

/** `mightBe`: the kind that might find more there, but needs what this machine has not. */
export type Detected = Resolution & { mightBe?: string };

/**
 * Are these two answers the same version? Strong ETags decide when both have one;
 * else Last-Modified together with the size, which the caller compares. Weak ETags prove nothing about bytes.
 */
export function sameVersion(a: Validator, b: Validator): boolean {
  const etagA = strongEtag(a);
  const etagB = strongEtag(b);
  if (etagA !== null && etagB !== null) return etagA === etagB;
  if (a.lastModified !== null && b.lastModified !== null) return a.lastModified === b.lastModified;
  // One answer has a validator and the other none: an inconsistent farm of servers, not proof of a change.
  return true;
}

export function strongEtag(validator: Validator): string | null {
  return validator.etag !== null && !validator.etag.startsWith('W/') ? validator.etag : null;
}

/** When the file was changed last, as its server says (RFC 9110 section 8.8.2), in milliseconds since 1970; null: it does not. */
export function modifiedAt({ lastModified }: Validator): number | null {
  const atMs = lastModified === null ? Number.NaN : Date.parse(lastModified);
  // What no file system can keep is no time of a file.
  return Number.isNaN(atMs) || atMs < 0 || atMs >= 2 ** 32 * 1000 ? null : atMs;
}
