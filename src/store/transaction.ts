import type { Transaction } from '#core/store.ts';
import type { Engine } from './engine.ts';
import { sessionRows, tokenRows, userRows } from './rows/accounts.ts';
import { attachmentRows } from './rows/attachments.ts';
import { dailyRows } from './rows/daily.ts';
import { destinationRows } from './rows/destinations.ts';
import { downloadRows } from './rows/downloads.ts';
import { eventRows } from './rows/events.ts';
import { logRows } from './rows/logs.ts';
import { metaRows } from './rows/meta.ts';
import { attemptRows, receiptRows, submissionRows, totalRows } from './rows/records.ts';
import { shareRows } from './rows/shares.ts';
import { stageMemoryRows } from './rows/stage-memory.ts';
import { taskRows } from './rows/tasks.ts';
import { workerKeyRows } from './rows/worker-keys.ts';
import { workerRows } from './rows/workers.ts';
import { createUnit } from './unit.ts';

/**
 * Runs a job over its own unit of work, in the transaction that the engine is in. What it gathered is written when `work`
 * is done; when it throws, the caller undoes what was written before.
 */
export async function runJob<T>(
  engine: Engine,
  work: (tx: Transaction) => Promise<T>,
  afterCommit: Transaction['afterCommit'],
): Promise<T> {
  const unit = createUnit(engine);
  const { db } = engine;
  const tx: Transaction = {
    meta: metaRows(unit),
    users: userRows(db, unit),
    sessions: sessionRows(db),
    tokens: tokenRows(db),
    destinations: destinationRows(unit),
    workers: workerRows(unit),
    workerKeys: workerKeyRows(db),
    downloads: downloadRows(unit),
    attachments: attachmentRows(unit),
    tasks: taskRows(unit),
    shares: shareRows(unit),
    attempts: attemptRows(unit),
    logs: logRows(unit),
    daily: dailyRows(unit),
    receipts: receiptRows(unit),
    events: eventRows(unit),
    submissions: submissionRows(db),
    totals: totalRows(unit),
    stageMemory: stageMemoryRows(unit),
    afterCommit,
  };
  try {
    const value = await work(tx);
    await unit.flush();
    return value;
  } finally {
    unit.close();
  }
}
