import type { Kysely, Selectable } from 'kysely';
import type { SessionRow, SessionRows, TokenRow, TokenRows, UserRole, UserRow, UserRows } from '#core/store.ts';
import type { Schema } from '../schema.ts';
import type { Unit } from '../unit.ts';

type Db = Kysely<Pick<Schema, 'users' | 'sessions' | 'tokens'>>;

export function userRows(db: Db, unit: Unit): UserRows {
  return {
    async get(id) {
      const row = await db.selectFrom('users').selectAll().where('id', '=', id).executeTakeFirst();
      return row ? toUser(row) : null;
    },
    async byName(name) {
      const row = await db.selectFrom('users').selectAll().where('foldedName', '=', fold(name)).executeTakeFirst();
      return row ? toUser(row) : null;
    },
    async list() {
      // Every claim asks for all of them.
      const rows = await unit.select([], 'select * from users order by "createdAtMs", id');
      return (rows as UsersRow[]).map(toUser);
    },
    async count() {
      const row = await db
        .selectFrom('users')
        .select((e) => e.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow();
      return Number(row.count);
    },
    async insert(row) {
      const result = await db
        .insertInto('users')
        .values({ ...row, foldedName: fold(row.name) })
        .onConflict((conflict) => conflict.column('foldedName').doNothing())
        .executeTakeFirst();
      return result.numInsertedOrUpdatedRows === 1n;
    },
    async update(id, change) {
      if (Object.keys(change).length > 0) await db.updateTable('users').set(change).where('id', '=', id).execute();
    },
    async remove(id) {
      await db.deleteFrom('users').where('id', '=', id).execute();
    },
  };
}

export function sessionRows(db: Db): SessionRows {
  return {
    async get(idHash) {
      const row = await db.selectFrom('sessions').selectAll().where('idHash', '=', idHash).executeTakeFirst();
      return row ?? null;
    },
    async listOf(userId): Promise<SessionRow[]> {
      const ofUser = db.selectFrom('sessions').selectAll().where('userId', '=', userId);
      return ofUser.orderBy('usedAtMs', 'desc').orderBy('idHash').execute();
    },
    async insert(row) {
      await db.insertInto('sessions').values(row).execute();
    },
    async update(idHash, change) {
      if (Object.keys(change).length > 0) await db.updateTable('sessions').set(change).where('idHash', '=', idHash).execute();
    },
    async remove(idHash) {
      const result = await db.deleteFrom('sessions').where('idHash', '=', idHash).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
    async removeOf(userId, exceptIdHash) {
      const all = db.deleteFrom('sessions').where('userId', '=', userId);
      await (exceptIdHash === undefined ? all : all.where('idHash', '!=', exceptIdHash)).execute();
    },
    async removeExpired(nowMs) {
      const result = await db.deleteFrom('sessions').where('expiresAtMs', '<=', nowMs).executeTakeFirst();
      return Number(result.numDeletedRows);
    },
  };
}

export function tokenRows(db: Db): TokenRows {
  const newestFirst = () => db.selectFrom('tokens').selectAll().orderBy('createdAtMs', 'desc').orderBy('id', 'desc');
  return {
    async get(id) {
      const row = await db.selectFrom('tokens').selectAll().where('id', '=', id).executeTakeFirst();
      return row ? toToken(row) : null;
    },
    async byHash(hash) {
      const row = await db.selectFrom('tokens').selectAll().where('hash', '=', hash).executeTakeFirst();
      return row ? toToken(row) : null;
    },
    async listOf(userId) {
      return (await newestFirst().where('userId', '=', userId).execute()).map(toToken);
    },
    async list() {
      return (await newestFirst().execute()).map(toToken);
    },
    async insert(row) {
      await db
        .insertInto('tokens')
        .values({ ...row, scopes: JSON.stringify(row.scopes) })
        .execute();
    },
    async update(id, change) {
      if (Object.keys(change).length > 0) await db.updateTable('tokens').set(change).where('id', '=', id).execute();
    },
    async remove(id) {
      const result = await db.deleteFrom('tokens').where('id', '=', id).executeTakeFirst();
      return result.numDeletedRows > 0n;
    },
  };
}

/** Folded here and not by the database: engines disagree about letters beyond ASCII. */
function fold(name: string): string {
  return name.normalize('NFKC').toLowerCase();
}

type UsersRow = Selectable<Schema['users']>;

function toUser(row: UsersRow): UserRow {
  return {
    id: row.id,
    name: row.name,
    role: row.role as UserRole,
    passwordHash: row.passwordHash,
    createdAtMs: row.createdAtMs,
    limitBytesPerSecond: row.limitBytesPerSecond,
    maxActive: row.maxActive,
    maxQueued: row.maxQueued,
    maxBytesPerDownload: row.maxBytesPerDownload,
    weight: row.weight,
  };
}

function toToken(row: Selectable<Schema['tokens']>): TokenRow {
  return { ...row, scopes: JSON.parse(row.scopes) };
}
