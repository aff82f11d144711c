/** What speaks S3: how links name objects, how requests are signed, what answers say, and the keys below a prefix. */
import { createHash, createHmac } from 'node:crypto';
import { FlotillaError } from '#core/errors.ts';
import { readFrom } from '#core/read-body.ts';
import type { RequestOptions } from '#core/request.ts';
import { type Digest, mostFiles } from '#core/resolution.ts';
import type { SourceContext, SourceFacts } from '#core/source.ts';
import { mostNameBytes } from '#core/tree-size.ts';
import { field, type HttpHead } from './http-head.ts';
import { type HttpDialect, openHttpSession } from './http-session.ts';
import { readXml, type XmlElement } from './xml.ts';

export type S3Login = { accessKey: string; secret: string; sessionToken: string | null };

/** A bucket, and how it is reached. */
export type S3Bucket = {
  /** Scheme, host and port of the service. */
  endpoint: URL;
  name: string;
  region: string;
  /** The bucket is in the path and not in the name of the host. */
  isPathStyle: boolean;
  /** Who asks pays for what is sent. */
  requesterPays: boolean;
  /** null: anybody may ask. */
  login: S3Login | null;
};

/** The bucket is in another region than we thought, and signatures hold for one region only. */
export class OtherRegion extends Error {
  readonly region: string;

  constructor(region: string) {
    super('the bucket is in another region');
    this.region = region;
  }
}

/** The link over HTTP; `query` are names and values, not encoded. */
export function httpLink({ endpoint, name, isPathStyle }: S3Bucket, key: string, query: Record<string, string> = {}): URL {
  const url = new URL(endpoint);
  if (!isPathStyle) url.hostname = `${name}.${url.hostname}`;
  const folder = url.pathname.replace(/\/+$/, '');
  url.pathname = `${folder}/${isPathStyle ? `${encodePart(name)}/` : ''}${key.split('/').map(encodePart).join('/')}`;
  const pairs = Object.entries(query).map(([field, value]) => `${encodePart(field)}=${encodePart(value)}`);
  url.search = pairs.sort().join('&');
  return url;
}

/** Everything but letters, digits and `-._~` as S3 signs it. */
export function encodePart(text: string): string {
  return encodeURIComponent(text).replace(/[!'()*]/g, (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** How a bucket is spoken to over HTTP. `hasChecksums` asks for those of the object. */
export function s3Dialect(bucket: S3Bucket, now: () => number, hasChecksums: boolean): HttpDialect {
  const { login, region, requesterPays } = bucket;
  return {
    sign(url, headers) {
      const own: [string, string][] = [...headers];
      if (requesterPays) own.push(['x-amz-request-payer', 'requester']);
      if (hasChecksums) own.push(['x-amz-checksum-mode', 'ENABLED']);
      // A list is no file that could be cut.
      else own.splice(0, own.length, ...own.filter(([name]) => name !== 'Range'));
      return login === null ? own : signed({ method: 'GET', url, headers: own, login, region, nowMs: now() });
    },
    inspect(head) {
      const told = field(head, 'x-amz-bucket-region');
      if (head.status >= 300 && told !== null && told !== region && /^[a-z0-9-]{1,64}$/.test(told)) throw new OtherRegion(told);
    },
    factsOf: (facts, head) => ({ ...facts, validator: validatorOf(facts), digests: digestsOf(head), mirrors: [] }),
    refusalOf: (head, body) => refusalOf(bucket, head, errorCodeOf(body)),
  };
}

/** Some servers quote ETags and some do not; each does as it likes from one answer to the next. */
function validatorOf({ validator }: SourceFacts): SourceFacts['validator'] {
  const bare = validator.etag?.replace(/^"(.*)"$/, '$1') ?? '';
  return { ...validator, etag: bare === '' ? null : `"${bare}"` };
}

export type Signing = {
  method: string;
  /** As it is sent: path and query are encoded already. */
  url: URL;
  headers: [string, string][];
  login: S3Login;
  region: string;
  nowMs: number;
  /** SHA-256 of the body in hex; when absent, the signature says nothing of the body. */
  bodySha256?: string;
};

const unsignedBody = 'UNSIGNED-PAYLOAD';

/**
 * AWS Signature Version 4 in the header Authorization (Amazon S3 API Reference, "Authenticating Requests: Using the Authorization
 * Header"). The host, all fields of S3 and the range are signed; the other headers may be changed by a proxy and are not.
 */
export function signed({ method, url, headers, login, region, nowMs, bodySha256 = unsignedBody }: Signing): [string, string][] {
  const time = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
  const own: [string, string][] = [
    ['x-amz-content-sha256', bodySha256],
    ['x-amz-date', time],
  ];
  if (login.sessionToken !== null) own.push(['x-amz-security-token', login.sessionToken]);
  const names = new Set(['authorization', ...own.map(([name]) => name)]);
  const sent = [...headers.filter(([name]) => !names.has(name.toLowerCase())), ...own];
  const covered = [['host', url.host] as [string, string], ...sent]
    .map(([name, value]): [string, string] => [name.toLowerCase(), value.trim().replace(/ +/g, ' ')])
    .filter(([name]) => name === 'host' || name === 'range' || name.startsWith('x-amz-'))
    .sort(([one], [other]) => (one < other ? -1 : 1));
  const coveredNames = covered.map(([name]) => name).join(';');
  const query = url.search
    .slice(1)
    .split('&')
    .filter((pair) => pair !== '');
  const canonicalQuery = query
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort()
    .join('&');
  const lines = covered.map(([name, value]) => `${name}:${value}\n`).join('');
  const canonical = [method, url.pathname, canonicalQuery, lines, coveredNames, bodySha256].join('\n');
  const scope = `${time.slice(0, 8)}/${region}/s3/aws4_request`;
  const text = ['AWS4-HMAC-SHA256', time, scope, createHash('sha256').update(canonical).digest('hex')].join('\n');
  const key = scope.split('/').reduce<Buffer | string>((last, part) => hmac(last, part), `AWS4${login.secret}`);
  const signature = hmac(key, text).toString('hex');
  const credential = `${login.accessKey}/${scope}`;
  const authorization = `AWS4-HMAC-SHA256 Credential=${credential},SignedHeaders=${coveredNames},Signature=${signature}`;
  return [...sent, ['Authorization', authorization]];
}

function hmac(key: Buffer | string, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}

/** Checksums of the whole object. Those of parts, put together, are marked: `…-3`, or by their type. */
function digestsOf(head: HttpHead): Digest[] {
  if (field(head, 'x-amz-checksum-type') === 'COMPOSITE' || !isWhole(head)) return [];
  const known: [algorithm: Digest['algorithm'], name: string, byteCount: number][] = [
    ['sha-256', 'x-amz-checksum-sha256', 32],
    ['sha-1', 'x-amz-checksum-sha1', 20],
    ['crc64nvme', 'x-amz-checksum-crc64nvme', 8],
    ['crc32c', 'x-amz-checksum-crc32c', 4],
    ['crc32', 'x-amz-checksum-crc32', 4],
  ];
  return known.flatMap(([algorithm, name, byteCount]) => {
    const value = field(head, name) ?? '';
    const bytes = Buffer.from(value, 'base64');
    return /^[A-Za-z0-9+/]+={0,2}$/.test(value) && bytes.length === byteCount
      ? [{ algorithm, hex: bytes.toString('hex') }]
      : [];
  });
}

/** Of a part of the object the checksum may be that of the part. */
function isWhole(head: HttpHead): boolean {
  const range = /^bytes 0-(\d+)\/(\d+)$/.exec(field(head, 'content-range') ?? '');
  return head.status === 200 || (range !== null && Number(range[1]) + 1 === Number(range[2]));
}

export type S3Object = { key: string; sizeBytes: number };

/**
 * The objects whose keys begin with the prefix, in the order of their keys. Throws `unsupported` when there are too many or
 * their list has no end, and what the session throws.
 */
export async function listObjects(
  context: SourceContext,
  request: RequestOptions,
  bucket: S3Bucket,
  prefix: string,
  signal: AbortSignal,
): Promise<S3Object[]> {
  const objects: S3Object[] = [];
  let emptyCount = 0;
  for (let token: string | null = ''; token !== null; ) {
    const query = { 'list-type': '2', 'encoding-type': 'url', 'max-keys': '1000', prefix };
    const link = httpLink(bucket, '', token === '' ? query : { ...query, 'continuation-token': token });
    const session = openHttpSession(context, link, request, { dialect: s3Dialect(bucket, context.clock.now, false) });
    const page = readList(await readFrom(context, session, mostListBytes + 1, signal));
    objects.push(...page.objects);
    if (objects.length > mostFiles) {
      const message = `There are more than ${mostFiles} objects below ${JSON.stringify(prefix)}. Give a longer prefix.`;
      throw new FlotillaError('unsupported', message);
    }
    if (page.objects.length === 0) emptyCount++;
    // One that repeats itself would never end.
    if (page.nextToken !== null && (page.nextToken === token || emptyCount > mostEmptyPages)) throw endless();
    token = page.nextToken;
  }
  return objects;
}

/** Objects that were deleted, or are in the way of a prefix, may fill whole pages that show nothing. */
const mostEmptyPages = 1000;

function endless(): FlotillaError {
  const message =
    'The list of the objects does not come to an end: the server does not say how it goes on. Give a longer prefix.';
  return new FlotillaError('unsupported', message);
}

/** What the reader of XML takes; a thousand keys need less. */
const mostListBytes = 4 * 1024 * 1024;

/** Reads one page of ListObjectsV2. Throws `unsupported`. */
export function readList(bytes: Uint8Array): { objects: S3Object[]; nextToken: string | null } {
  const root = readXml(bytes);
  if (root.name !== 'ListBucketResult')
    throw new FlotillaError('unsupported', 'The server did not answer with a list of objects. Does it speak S3?');
  const isEncoded = textOf(root, 'EncodingType') === 'url';
  const objects = root.children
    .filter(({ name }) => name === 'Contents')
    .flatMap((one) => {
      const raw = textOf(one, 'Key') ?? '';
      const [key, size] = [isEncoded ? decodeKey(raw) : raw, textOf(one, 'Size') ?? ''];
      if (key !== null && Buffer.byteLength(key) > mostNameBytes) {
        throw new FlotillaError(
          'unsupported',
          `The server names an object with more than ${mostNameBytes} bytes, which S3 does not allow.`,
        );
      }
      return key === null || key === '' || !/^\d{1,15}$/.test(size) ? [] : [{ key, sizeBytes: Number(size) }];
    });
  const isMore = textOf(root, 'IsTruncated') === 'true';
  const nextToken = textOf(root, 'NextContinuationToken') || null;
  // Servers that know only the first version of lists go on in another way, and half a list is not what was asked for.
  if (isMore && nextToken === null) throw endless();
  return { objects, nextToken: isMore ? nextToken : null };
}

/** null: it is not UTF-8, so no link can name it. */
function decodeKey(text: string): string | null {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch {
    return null;
  }
}

function textOf(element: XmlElement, name: string): string | null {
  return element.children.find((child) => child.name === name)?.text ?? null;
}

/** The code in the document that comes with a failure; empty when there is none. */
function errorCodeOf(body: Uint8Array): string {
  try {
    return textOf(readXml(body), 'Code') ?? '';
  } catch {
    return '';
  }
}

/** Amazon S3 API Reference, "Error Responses": the code says more than the status. */
function refusalOf({ name, login }: S3Bucket, head: HttpHead, code: string): FlotillaError | null {
  const said = code === '' ? String(head.status) : code;
  if (code === 'NoSuchBucket') return new FlotillaError('not_found', `There is no bucket ${JSON.stringify(name)} (${said}).`);
  if (field(head, 'x-amz-delete-marker') === 'true') {
    const message = `This object was deleted (${said}). An older version may be there still: ask for it with versionId.`;
    return new FlotillaError('not_found', message);
  }
  if (head.status === 404) {
    const message = `There is no such object in the bucket ${JSON.stringify(name)} (${said}). Check the key; case counts.`;
    return new FlotillaError('not_found', message);
  }
  if (code === 'InvalidObjectState') {
    return new FlotillaError('refused', 'This object is in an archive. Its owner has to restore it before it can be read.');
  }
  if (code === 'RequestTimeTooSkewed') {
    const message = 'The clock of this machine is too far from that of the server for a signature. Set it right.';
    return new FlotillaError('auth_required', message);
  }
  if (code === 'InvalidAccessKeyId' || code === 'SignatureDoesNotMatch') {
    const what = code === 'InvalidAccessKeyId' ? 'does not know this access key' : 'finds that the secret key is wrong';
    return new FlotillaError('auth_required', `The server ${what} (${said}). Check both keys.`);
  }
  if (code === 'ExpiredToken' || code === 'InvalidToken') {
    return new FlotillaError('auth_required', `The session token is not good any more (${said}). Get a new one.`);
  }
  if (head.status === 401 || head.status === 403) {
    const message =
      login === null
        ? `The bucket ${JSON.stringify(name)} is not open to everybody (${said}). Give an access key: s3://KEY:SECRET@bucket/key, or as user and password.`
        : `This access key may not read that, or it is not there (${said}). If who asks has to pay, set requesterPays.`;
    return new FlotillaError('auth_required', message);
  }
  return null;
}
