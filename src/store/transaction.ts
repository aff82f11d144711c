import type { Kysely } from 'kysely';
import type { Transaction } from '#core/store.ts';
import { sessionRows, tokenRows, userRows } from './rows/accounts.ts';
import { attachmentRows } from './rows/attachments.ts';
import { destinationRows } from './rows/destinations.ts';
import { downloadRows } from './rows/downloads.ts';
import { eventRows } from './rows/events.ts';
import { metaRows } from './rows/meta.ts';
import { attemptRows, receiptRows, submissionRows, totalRows } from './rows/records.ts';
import { shareRows } from './rows/shares.ts';
import { stageMemoryRows } from './rows/stage-memory.ts';
import { taskRows } from './rows/tasks.ts';
import { workerKeyRows } from './rows/worker-keys.ts';
import { workerRows } from './rows/workers.ts';
import type { Schema } from './schema.ts';

/** The row operations over a connection that is in a transaction. The same for every engine. */
export function rowsOver(db: Kysely<Schema>): Omit<Transaction, 'afterCommit'> {
  return {
    meta: metaRows(db),
    users: userRows(db),
    sessions: sessionRows(db),
    tokens: tokenRows(db),
    destinations: destinationRows(db),
    workers: workerRows(db),
    workerKeys: workerKeyRows(db),
    downloads: downloadRows(db),
    attachments: attachmentRows(db),
    tasks: taskRows(db),
    shares: shareRows(db),
    attempts: attemptRows(db),
    receipts: receiptRows(db),
    events: eventRows(db),
    submissions: submissionRows(db),
    totals: totalRows(db),
    stageMemory: stageMemoryRows(db),
  };
}
