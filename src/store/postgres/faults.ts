import pg from 'pg';
import { FlotillaError } from '#core/errors.ts';

/**
 * What a failed statement means. What PostgreSQL itself refuses (a key that is there already) stays as it is: it is a bug
 * of ours. Everything else has to do with the server or the way to it, and passes.
 */
export function toStoreError(error: unknown, isCommit = false): unknown {
  if (error instanceof FlotillaError) return error;
  if (error instanceof pg.DatabaseError && !isPassing(error.code ?? '')) return isFull(error) ? diskIsFull(error) : error;
  const reason = error instanceof Error ? error.message : String(error);
  const message = isCommit
    ? `The database went away while it was asked to keep a change (${reason}), so nobody knows whether it did. Look before you try again.`
    : `The database does not answer right now (${reason}), so nothing was changed. Try again in a few seconds.`;
  return new FlotillaError('store_unavailable', message, { cause: error });
}

/** https://www.postgresql.org/docs/current/errcodes-appendix.html */
function isPassing(sqlState: string): boolean {
  return sqlState.startsWith('08') || passing.has(sqlState);
}

const passing = new Set([
  '57P01', // an administrator ended the session
  '57P02', // the server crashed
  '57P03', // it starts, stops or recovers
  '57P05', // it ended an idle session
  '57014', // the statement took too long
  '25P03', // the transaction was idle for too long
  '55P03', // somebody held the lock for too long
  '53300', // it has too many connections
  '25006', // it has become a copy that only reads
  '40001', // two transactions met on a copy
]);

function isFull(error: pg.DatabaseError): boolean {
  return error.code === '53100';
}

function diskIsFull(cause: unknown): FlotillaError {
  const message = 'The disk that holds the database is full. Free some space there; nothing that was accepted is lost.';
  return new FlotillaError('no_space', message, { cause });
}

/** Why the database can never be opened like this, as a sentence; null when waiting may help. */
export function refusalOf(error: unknown, database: string): FlotillaError | null {
  const code = error instanceof pg.DatabaseError ? error.code : undefined;
  const refusal = refusals[code ?? ''];
  if (refusal) return new FlotillaError(refusal.code, refusal.sentence(database), { cause: error });
  if (!(error instanceof pg.DatabaseError) || isPassing(code ?? '')) return null;
  const message = `The database ${database} cannot be used: ${error.message}. Check what --database says.`;
  return new FlotillaError('refused', message, { cause: error });
}

const wrongLogin = {
  code: 'auth_required',
  sentence: (database: string) => `The database ${database} refused the login. Check the name and the password in --database.`,
} as const;

const refusals: Record<string, { code: 'auth_required' | 'not_found'; sentence(database: string): string }> = {
  '28000': wrongLogin,
  '28P01': wrongLogin,
  '3D000': {
    code: 'not_found',
    sentence: (database) => `There is no database ${database}. Create it with createdb, or check the name in --database.`,
  },
};
