import type { Kysely } from 'kysely';

export const name = '0002-limits';

type Rows = {
  tasks: { id: string; downloadId: string; kind: string; host: string | null };
  downloads: { id: string; link: string };
};

/** What users and hosts are allowed. Tasks that wait are told the host of their link. */
export async function up(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.alterTable('users').addColumn('limitBytesPerSecond', 'bigint').execute();
  await schema.alterTable('users').addColumn('maxActive', 'integer').execute();
  await schema.alterTable('tasks').addColumn('host', 'text').execute();

  const rows = db as Kysely<Rows>;
  const waiting = await rows
    .selectFrom('tasks')
    .innerJoin('downloads', 'downloads.id', 'tasks.downloadId')
    .select(['tasks.id', 'downloads.link'])
    .where('tasks.kind', 'in', ['probe', 'fetch'])
    .execute();
  for (const { id, link } of waiting)
    await rows
      .updateTable('tasks')
      .set({ host: URL.parse(link)?.hostname ?? null })
      .where('id', '=', id)
      .execute();
}
