/** How a name and a password are shown to a server: Basic at once (RFC 7617), Digest when the server asks for it (RFC 7616). */
import { createHash, randomBytes } from 'node:crypto';
import type { Credentials } from '#core/request.ts';

export type DigestChallenge = { algorithm: 'MD5' | 'SHA-256'; realm: string; nonce: string; opaque: string | null };

/** One login at one server, shared by all connections of a session: nonces are counted across them. */
export class Login {
  readonly #credentials: Credentials;
  readonly #random: () => string;
  #challenge: DigestChallenge | null = null;
  #nonceCount = 0;

  constructor(credentials: Credentials, random: () => string = () => randomBytes(18).toString('base64')) {
    this.#credentials = credentials;
    this.#random = random;
  }

  /** What the server gave for its last challenge; null before one. */
  get nonce(): string | null {
    return this.#challenge?.nonce ?? null;
  }

  /** The value of the Authorization field for one GET; each call counts as one request. */
  authorizationFor(path: string): string {
    if (this.#challenge === null) {
      const { name, password } = this.#credentials;
      return `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
    }
    this.#nonceCount += 1;
    return digestAuthorization(this.#challenge, this.#credentials, path, this.#nonceCount, this.#random());
  }

  /**
   * Reads what a 401 asks for. True: an answer to it was not tried yet, so the same request may be sent once more.
   * `usedNonce` is the nonce at the time of the refused request.
   */
  takeChallenge(values: string[], usedNonce: string | null): boolean {
    const challenge = parseDigestChallenge(values);
    if (challenge === null || challenge.nonce === usedNonce) return false;
    if (challenge.nonce !== this.#challenge?.nonce) this.#nonceCount = 0;
    this.#challenge = challenge;
    return true;
  }
}

/** The best Digest challenge we can answer among those of a WWW-Authenticate field; null when there is none. */
export function parseDigestChallenge(values: string[]): DigestChallenge | null {
  const known: DigestChallenge[] = [];
  for (const { scheme, parameters } of parseChallenges(values.join(', '))) {
    const algorithm = (parameters.get('algorithm') ?? 'MD5').toUpperCase();
    const qops = (parameters.get('qop') ?? '').toLowerCase().split(/[\s,]+/);
    const [realm, nonce] = [parameters.get('realm'), parameters.get('nonce')];
    if (scheme !== 'digest' || realm === undefined || nonce === undefined || !qops.includes('auth')) continue;
    if (algorithm === 'MD5' || algorithm === 'SHA-256') {
      known.push({ algorithm, realm, nonce, opaque: parameters.get('opaque') ?? null });
    }
  }
  return known.find(({ algorithm }) => algorithm === 'SHA-256') ?? known[0] ?? null;
}

/** RFC 7616 section 3.4, for a GET with the quality of protection `auth`. */
export function digestAuthorization(
  { algorithm, realm, nonce, opaque }: DigestChallenge,
  { name, password }: Credentials,
  path: string,
  nonceCount: number,
  clientNonce: string,
): string {
  const hash = (text: string) =>
    createHash(algorithm === 'MD5' ? 'md5' : 'sha256')
      .update(text)
      .digest('hex');
  // The realm came as Latin-1; its bytes are what the server hashes.
  const realmText = Buffer.from(realm, 'latin1').toString('utf8');
  const count = nonceCount.toString(16).padStart(8, '0');
  const secret = hash(`${name}:${realmText}:${password}`);
  const response = hash([secret, nonce, count, clientNonce, 'auth', hash(`GET:${path}`)].join(':'));
  const fields = [
    // RFC 7616 section 3.4: what is not ASCII goes into the starred form of RFC 5987.
    /^[\x20-\x7e]*$/.test(name) ? `username=${quote(name)}` : `username*=UTF-8''${encodeURIComponent(name)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(path)}`,
    `algorithm=${algorithm}`,
    `response="${response}"`,
    'qop=auth',
    `nc=${count}`,
    `cnonce=${quote(clientNonce)}`,
    ...(opaque === null ? [] : [`opaque=${quote(opaque)}`]),
  ];
  return `Digest ${fields.join(', ')}`;
}

type Challenge = { scheme: string; parameters: Map<string, string> };

const longestField = 8192;

/** RFC 9110 section 11.6.1: challenges and their parameters share one list of commas. Stops at what it cannot read. */
function parseChallenges(text: string): Challenge[] {
  const challenges: Challenge[] = [];
  const next = /[\s,]*(?:([\w!#$%&'*+.^`|~-]+)[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))|([\w-]+)(?=[\s,]|$))/y;
  const field = text.slice(0, longestField);
  for (let match = next.exec(field); match !== null; match = next.exec(field)) {
    const [, name, quoted, bare, scheme] = match;
    const current = challenges.at(-1);
    if (scheme !== undefined) challenges.push({ scheme: scheme.toLowerCase(), parameters: new Map() });
    else if (name !== undefined) current?.parameters.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? bare ?? '');
  }
  return challenges;
}

function quote(text: string): string {
  return `"${text.replace(/["\\]/g, '\\$&')}"`;
}
