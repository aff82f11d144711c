import { argon2, createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { AccessError } from '#core/access.ts';
import type { Secrets } from '#core/secrets.ts';

/** `memory` in KiB. */
type Cost = { memory: number; passes: number; parallelism: number };

/** OWASP's argon2id setting for one pass: 46 MiB. About 50 ms. */
const owaspCost: Cost = { memory: 47_104, passes: 1, parallelism: 1 };
const hashBytes = 32;
const saltBytes = 16;
/** Each one takes its 46 MiB: more at a time would let strangers fill the memory. */
const maxAtOnce = 2;
const maxWaiting = 32;

/** Hashing with node:crypto. Keeps a queue of its own: one for a process. Only tests want it cheaper. */
export function createSecrets(cost = owaspCost): Secrets {
  const inTurn = createTurns();
  return {
    sha256: (text) => createHash('sha256').update(text).digest('hex'),
    isSame: (a, b) => timingSafeEqual(digestOf(a), digestOf(b)),
    async hashPassword(password) {
      const salt = randomBytes(saltBytes);
      return format(cost, salt, await inTurn(() => derive(password, salt, cost)));
    },
    async verifyPassword(hash, password) {
      const known = parse(hash);
      const derived = await inTurn(() => derive(password, known?.salt ?? Buffer.alloc(saltBytes), known?.cost ?? cost));
      return known !== null && timingSafeEqual(derived, known.derived);
    },
  };
}

function derive(password: string, salt: Buffer, { memory, passes, parallelism }: Cost): Promise<Buffer> {
  const message = Buffer.from(password.normalize('NFC'));
  return new Promise((resolve, reject) => {
    argon2('argon2id', { message, nonce: salt, parallelism, passes, memory, tagLength: hashBytes }, (error, derived) => {
      if (error) reject(error);
      else resolve(derived);
    });
  });
}

/** The PHC string format: what was done stands in the text, so that old hashes stay readable when the cost is raised. */
function format({ memory, passes, parallelism }: Cost, salt: Buffer, derived: Buffer): string {
  return `$argon2id$v=19$m=${memory},t=${passes},p=${parallelism}$${unpadded(salt)}$${unpadded(derived)}`;
}

function parse(hash: string | null): { cost: Cost; salt: Buffer; derived: Buffer } | null {
  const match = /^\$argon2id\$v=19\$m=(\d+),t=(\d+),p=(\d+)\$([\w+/]+)\$([\w+/]+)$/.exec(hash ?? '');
  if (match === null) return null;
  const [, memory, passes, parallelism, salt = '', derived = ''] = match;
  const stored = Buffer.from(derived, 'base64');
  if (stored.length !== hashBytes) return null;
  return {
    cost: { memory: Number(memory), passes: Number(passes), parallelism: Number(parallelism) },
    salt: Buffer.from(salt, 'base64'),
    derived: stored,
  };
}

function unpadded(bytes: Buffer): string {
  return bytes.toString('base64').replace(/=+$/, '');
}

/** Equal lengths, which timingSafeEqual wants, whatever is compared. */
function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

/** Runs few at a time, the others in order of asking. */
function createTurns(): <T>(work: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = [];
  let running = 0;
  return async (work) => {
    if (running < maxAtOnce) running++;
    else if (waiting.length >= maxWaiting) {
      throw new AccessError('too_many_guesses', 'Too many people are logging in right now. Try again in a few seconds.', 5000);
    } else await new Promise<void>((resolve) => waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = waiting.shift();
      // The turn is handed over, not given back: nobody can slip in between.
      if (next !== undefined) next();
      else running--;
    }
  };
}
