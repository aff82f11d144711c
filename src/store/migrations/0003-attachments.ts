import { type Kysely, sql } from 'kysely';
import { showLink } from '#core/link.ts';

export const name = '0003-attachments';

type Old = { id: string; link: string; options: string; state: string; removedAtMs: number | null };
type Tables = {
  downloads: Old & { secrets: string };
  attachments: { downloadId: string; kind: string; body: string };
};

/**
 * What is only read when the work on a download begins gets a table of its own, and what was kept as it was given moves
 * there, for the control plane to seal; of downloads that are over it goes.
 */
export async function up(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('attachments')
    .addColumn('downloadId', 'text', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('attachmentsKey', ['downloadId', 'kind'])
    .execute();
  await db.schema.createIndex('attachmentsByKind').on('attachments').column('kind').execute();
  await db.schema
    .alterTable('downloads')
    .addColumn('secrets', 'text', (column) => column.notNull().defaultTo('none'))
    .execute();

  const tables = db as Kysely<Tables>;
  const rows = await tables
    .selectFrom('downloads')
    .select(['id', 'link', 'options', 'state', 'removedAtMs'])
    .where((e) => e.or([sql<boolean>`link like '%@%'`, sql<boolean>`options like '%"request"%'`]))
    .execute();
  for (const row of rows) await moveSecrets(tables, row);
}

async function moveSecrets(tables: Kysely<Tables>, { id, link, options, state, removedAtMs }: Old): Promise<void> {
  const { request, ...others } = JSON.parse(options);
  const hasPassword = new URL(link).password !== '';
  if (request === undefined && !hasPassword) return;
  const isOver = removedAtMs !== null || state === 'completed';
  if (!isOver) {
    const body = JSON.stringify({ ...(hasPassword && { link }), ...(request && { request }) });
    await tables.insertInto('attachments').values({ downloadId: id, kind: 'unsealed', body }).execute();
  }
  const changed = { link: showLink(link), options: JSON.stringify(others), secrets: isOver ? 'forgotten' : 'sealed' };
  await tables.updateTable('downloads').set(changed).where('id', '=', id).execute();
}
