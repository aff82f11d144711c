import { z } from 'zod';
import { DistinctPaths } from '#core/distinct-paths.ts';
import { FlotillaError } from '#core/errors.ts';
import type { ByteHands } from '#core/late-source.ts';
import { showLink } from '#core/link.ts';
import { decodePercent, safeName } from '#core/names.ts';
import { readParameters } from '#core/parameters.ts';
import type { RequestOptions } from '#core/request.ts';
import type { Resolution } from '#core/resolution.ts';
import { type ByteSession, readFacts, type SourceContext, type SourceFacts } from '#core/source.ts';
import { TreeSize } from '#core/tree-size.ts';
import { openHttpSession } from './http-session.ts';
import { encodePart, httpLink, listObjects, OtherRegion, type S3Bucket, type S3Login, type S3Object, s3Dialect } from './s3.ts';

const endpoint = z.url({ protocol: /^https?$/, error: 'It must be an address such as https://s3.example.org.' }).optional();
const region = z
  .string()
  .regex(/^[a-z0-9-]{1,64}$/, 'A region looks like eu-central-1.')
  .optional();

const parameters = z.strictObject({
  endpoint: endpoint.describe('Address of the service, where it is not Amazon.'),
  region: region.describe('Region of the bucket; it is found out where the server tells.'),
  pathStyle: z.boolean().optional().describe('The bucket is in the path, as most services other than Amazon have it.'),
  requesterPays: z.boolean().default(false).describe('We pay for what is sent, as the owner of the bucket demands.'),
  versionId: z.string().max(1024).optional().describe('A version of the object other than the newest.'),
});
type Parameters = z.output<typeof parameters>;

const settings = z.strictObject({
  endpoint: endpoint.describe('Address of the service for links that name none.'),
  region: region.describe('Region for links that name none.'),
});

export const s3Hands: ByteHands = {
  parameters,
  settings,

  async probe(context, link, request, signal, asked) {
    const chosen = readParameters(parameters, { ...parametersIn(link), ...asked?.parameters });
    const at = withParameters(link, chosen);
    const key = keyOf(link);
    if (key === '' || /[/*]$/.test(key)) {
      return inRegion(bucketOf(context, at, request), async (bucket) => {
        const prefix = key.replace(/\*$/, '');
        return folderAt(at, prefix, await listObjects(context, plain(request), bucket, prefix, signal));
      });
    }
    const facts = await readFacts(openSession(context, at, request), signal);
    return fileAt(at, facts, at.href !== link.href);
  },

  openSession,

  changedSince: (context, link, request, _known, signal) => readFacts(openSession(context, link, request), signal),
};

function openSession(context: SourceContext, link: URL, request: RequestOptions): ByteSession {
  const { versionId } = readParameters(parameters, parametersIn(link));
  const key = keyOf(link);
  let bucket = bucketOf(context, link, request);
  let session = open();
  /** What the server says of the whole object, and of which version; it does not with every part. */
  let whole: Pick<SourceFacts, 'digests' | 'validator'> | null = null;

  function open(): ByteSession {
    const at = httpLink(bucket, key, versionId === undefined ? {} : { versionId });
    return openHttpSession(context, at, plain(request), { dialect: s3Dialect(bucket, context.clock.now, true) });
  }

  const ask: ByteSession['open'] = async (...range) => {
    const opened = await inRegion(bucket, (asked) => {
      if (asked !== bucket) {
        bucket = asked;
        session.close();
        session = open();
      }
      return session.open(...range);
    });
    return { ...opened, facts: { ...opened.facts, suggestedName: key.split('/').at(-1) ?? null } };
  };

  return {
    async open(startByte, endByte, signal) {
      if (whole === null && (startByte > 0 || endByte !== null)) {
        const opened = await ask(0, null, signal);
        opened.discard();
        whole = opened.facts;
      }
      const opened = await ask(startByte, endByte, signal);
      whole ??= opened.facts;
      const isSame = whole.validator.etag !== null && whole.validator.etag === opened.facts.validator.etag;
      return isSame ? { ...opened, facts: { ...opened.facts, digests: whole.digests } } : opened;
    },
    room: () => session.room?.() ?? 'free',
    close: () => session.close(),
  };
}

/** Signed for another region when the server says so. */
async function inRegion<T>(bucket: S3Bucket, ask: (bucket: S3Bucket) => Promise<T>): Promise<T> {
  try {
    return await ask(bucket);
  } catch (error) {
    if (!(error instanceof OtherRegion)) throw error;
    const amazon = amazonIn(bucket.region);
    const moved = bucket.endpoint.href === amazon.href ? amazonIn(error.region) : bucket.endpoint;
    try {
      return await ask({ ...bucket, region: error.region, endpoint: moved });
    } catch (again) {
      if (!(again instanceof OtherRegion)) throw again;
      const message = `The server does not say clearly in which region the bucket ${bucket.name} is. Set the parameter region.`;
      throw new FlotillaError('refused', message);
    }
  }
}

function bucketOf(context: SourceContext, link: URL, request: RequestOptions): S3Bucket {
  const known = settings.parse(context.settings.s3 ?? {});
  const chosen = readParameters(parameters, parametersIn(link));
  const name = decodePercent(link.hostname);
  // What S3 and its kin allow, old names too; anything else could be another host or path.
  if (link.port !== '' || !/^[A-Za-z0-9][A-Za-z0-9._-]{1,254}$/.test(name)) {
    const message =
      'This is no link to a bucket. It looks like s3://bucket/key; the address of the service is the parameter endpoint.';
    throw new FlotillaError('link_invalid', message);
  }
  const own = chosen.endpoint ?? known.endpoint;
  const ownRegion = chosen.region ?? known.region ?? 'us-east-1';
  return {
    name,
    region: ownRegion,
    endpoint: own === undefined ? amazonIn(ownRegion) : new URL(own),
    // The certificate of a service is for one label before its name.
    isPathStyle: chosen.pathStyle ?? (own !== undefined || !/^[a-z0-9-]+$/.test(name)),
    requesterPays: chosen.requesterPays,
    login: loginOf(link, request),
  };
}

function amazonIn(region: string): URL {
  return new URL(`https://s3.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`);
}

const tokenName = 'x-amz-security-token';

function loginOf(link: URL, { user, headers = [] }: RequestOptions): S3Login | null {
  const { name, password } = user ?? { name: decodePercent(link.username), password: decodePercent(link.password) };
  const token = headers.find((header) => header.name.toLowerCase() === tokenName)?.value ?? null;
  return name === '' ? null : { accessKey: name, secret: password, sessionToken: token };
}

/** Without the keys, which sign and are not sent. */
function plain({ user: _user, bearer: _bearer, headers = [], ...request }: RequestOptions): RequestOptions {
  return { ...request, headers: headers.filter(({ name }) => name.toLowerCase() !== tokenName) };
}

/** A query is one of ours when all of it is; else it is a part of the key. */
function parametersIn(link: URL): Record<string, unknown> {
  const pairs = [...link.searchParams];
  if (!pairs.every(([name]) => Object.hasOwn(parameters.shape, name))) return {};
  return Object.fromEntries(
    pairs.map(([name, value]) => [name, value === 'true' || value === 'false' ? value === 'true' : value]),
  );
}

function keyOf(link: URL): string {
  const query = Object.keys(parametersIn(link)).length > 0 ? '' : link.search;
  return `${link.pathname}${query}`.slice(1).split('/').map(decodePercent).join('/');
}

/** The same object, with what was chosen in its query. */
function withParameters(link: URL, chosen: Parameters): URL {
  const url = new URL(link);
  const said = Object.entries(chosen).filter(([, value]) => value !== undefined && value !== false);
  if (said.length === 0) return url;
  url.pathname = `/${keyOf(link).split('/').map(encodePart).join('/')}`;
  url.search = new URLSearchParams(said.map(([name, value]) => [name, String(value)])).toString();
  return url;
}

function withoutLogin(link: URL): URL {
  const url = new URL(link);
  url.username = '';
  url.password = '';
  return url;
}

function fileAt(link: URL, facts: SourceFacts, hasOwnLink: boolean): Resolution {
  const name = safeName(facts.suggestedName ?? '', safeName(link.hostname));
  const { sizeBytes, resumable, finalUrl, validator, mediaType, digests } = facts;
  const file = { path: name, sizeBytes, ...(hasOwnLink && { link: withoutLogin(link).href }) };
  return { kind: 's3', name, files: [file], resumable, finalUrl, validator, mediaType, digests };
}

function folderAt(link: URL, prefix: string, objects: S3Object[]): Resolution {
  const paths = new DistinctPaths();
  const size = new TreeSize(showLink(link));
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  const lastFolder = folder.split('/').findLast((part) => part !== '') ?? decodePercent(link.hostname);
  const name = safeName(lastFolder, safeName(link.hostname));
  const leftOut: string[] = [];
  const files = objects.flatMap(({ key, sizeBytes }) => {
    // Such objects stand for folders, so that tools can show empty ones.
    if (key.endsWith('/')) return [];
    const at = withoutLogin(link);
    at.pathname = `/${key.split('/').map(encodePart).join('/')}`;
    const parts = key
      .slice(folder.length)
      .split('/')
      .filter((part) => part !== '');
    if (keyOf(at) !== key || parts.length === 0) {
      leftOut.push(key);
      return [];
    }
    const path = paths.add([name, ...parts]);
    size.add(path, at.href);
    return [{ path, sizeBytes, link: at.href }];
  });
  // A resolution without files stands for what nobody has seen yet, and the list itself would be fetched as the file.
  if (files.length === 0) {
    throw new FlotillaError('not_found', `There are no objects below ${showLink(link)} that could be files. Check the link.`);
  }
  return {
    kind: 's3',
    name,
    files,
    resumable: true,
    finalUrl: withoutLogin(link).href,
    validator: { etag: null, lastModified: null },
    mediaType: null,
    digests: [],
    ...(leftOut.length > 0 && { details: { leftOut: leftOut.slice(0, 100) } }),
  };
}
