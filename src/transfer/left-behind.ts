import { join } from 'node:path';
import { FlotillaError } from '#core/errors.ts';
import type { Files } from '#core/files.ts';
import { type Found, Journal, journalSuffix } from './journal.ts';

export const partSuffix = '.part';

/** An unfinished file of a run that is over. */
export type LeftBehind = { path: string; journal: Found };

/** Unfinished files that runs before us left in the folder, by link. What is of use to nobody any more is removed. */
export async function findLeftBehind(files: Files, folder: string): Promise<Map<string, LeftBehind[]>> {
  const byLink = new Map<string, LeftBehind[]>();
  for (const entry of await files.list(folder)) {
    try {
      const draft = draftPattern.exec(entry)?.groups;
      if (draft !== undefined)
        await tidyDraft(files, join(folder, draft.journal as string), join(folder, entry), draft.process);
      if (!entry.endsWith(partSuffix + journalSuffix)) continue;
      const path = join(folder, entry.slice(0, -journalSuffix.length));
      const journal = await Journal.find(files, path + journalSuffix);
      if (journal === null) await tidyRuin(files, path);
      else if (!isInUse(files, journal)) byLink.set(journal.link, [...(byLink.get(journal.link) ?? []), { path, journal }]);
    } catch (error) {
      // In a folder of several people: what others have there is neither for us to read nor to clear away.
      if (!(error instanceof FlotillaError) || error.code !== 'not_writable') throw error;
    }
  }
  return byLink;
}

/** What `Files.writeText` and `Files.makeNew` are killed with. */
const draftPattern = /^(?<journal>.*\.part\.journal)(\.(?<process>\d+))?\.new$/;

async function tidyDraft(files: Files, journalPath: string, draftPath: string, maker: string | undefined): Promise<void> {
  const journal = await Journal.find(files, journalPath);
  const isOurs = maker !== undefined && Number(maker) === files.processId;
  const isAtWork =
    (maker !== undefined && files.isOtherProcess(Number(maker))) || (journal !== null && isInUse(files, journal));
  if (!isOurs && !isAtWork) await files.remove(draftPath);
}

/** A power cut came between the name of the journal and its text: nothing tells what the bytes are. */
async function tidyRuin(files: Files, path: string): Promise<void> {
  if (!(await Journal.isRuined(files, path + journalSuffix))) return;
  await files.remove(path);
  await files.remove(path + journalSuffix);
}

function isInUse(files: Files, { processId }: Found): boolean {
  return processId !== null && files.isOtherProcess(processId);
}
