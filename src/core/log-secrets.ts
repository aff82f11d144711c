/** What a log may show: secrets are taken out by what they are, wherever somebody put them. */
import { showLink } from './link.ts';

const hidden = '***';
/** Fields that hold nothing else than secrets, whatever they are part of. */
const secretNames =
  /^(password|passwordhash|secret|secrets|token|bearer|cookie|cookies|set-cookie|authorization|proxy-authorization|key|keyhash|code|request|headers|certificate|sshkey)$/i;
const deepest = 5;
const mostItems = 100;
const longestText = 8000;

/** A copy as data. Errors become their type, code, sentence, stack and cause; links lose their passwords. */
export function clean(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return cleanText(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof URL) return cleanText(showLink(value));
  if (depth >= deepest) return '…';
  if (value instanceof Error) return cleanError(value, depth);
  if (Array.isArray(value)) return value.slice(0, mostItems).map((item) => clean(item, depth + 1));
  const entries = Object.entries(value).slice(0, mostItems);
  return Object.fromEntries(entries.map(([name, item]) => [name, isSecret(name, item) ? hidden : clean(item, depth + 1)]));
}

/** The code of a failure is a word of ours, and no way in. */
function isSecret(name: string, item: unknown): boolean {
  if (name === 'code' && typeof item === 'string' && /^[A-Za-z_]+$/.test(item)) return false;
  return secretNames.test(name);
}

function cleanError(error: Error & { code?: unknown }, depth: number): unknown {
  const { name, message, stack, code, cause } = error;
  return {
    type: name,
    ...(code !== undefined && { code: String(code) }),
    message: cleanText(message),
    ...(stack !== undefined && { stack: cleanText(stack) }),
    ...(cause !== undefined && { cause: clean(cause, depth + 1) }),
  };
}

/** Logins in links, what a header would carry, and tokens of our own, in the middle of any text. */
export function cleanText(text: string): string {
  const short = text.length > longestText ? `${text.slice(0, longestText)}…` : text;
  return short
    .replace(/(\b[a-z][a-z0-9+.-]*:\/\/)([^\s/@:]*):[^\s/@]*@/gi, `$1$2:${hidden}@`)
    .replace(/\b(Bearer|Basic|Digest)\s+[A-Za-z0-9+/=._~-]{6,}/g, `$1 ${hidden}`)
    .replace(/\b(f[a-z]_)[A-Za-z0-9_-]{16,}/g, `$1${hidden}`);
}
