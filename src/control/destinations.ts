import { FlotillaError } from '#core/errors.ts';
import type { DestinationRow, Transaction } from '#core/store.ts';
import type { StoredDestination } from './control.ts';
import { recordEvents, systemEvent } from './events.ts';
import type { Parts } from './parts.ts';

/** The named destination, or the default one. Throws `not_found` with a sentence. */
export async function pickDestination(tx: Transaction, id: string | undefined): Promise<DestinationRow> {
  const found = id === undefined ? await tx.destinations.getDefault() : await tx.destinations.get(id);
  if (found === null) throw unknownDestination();
  return found;
}

export function putDestination(
  parts: Parts,
  destination: Omit<StoredDestination, 'id'> & { id?: string },
): Promise<StoredDestination> {
  return parts.store.write(async (tx) => {
    const known = destination.id === undefined ? null : await tx.destinations.get(destination.id);
    if (destination.id !== undefined && known === null) throw unknownDestination();
    // There is always a default one: it stops being it only when another takes its place.
    const isDefault = destination.isDefault || known?.isDefault === true || (await tx.destinations.getDefault()) === null;
    const row = { ...destination, id: destination.id ?? parts.newId(), isDefault };
    await tx.destinations.put(row);
    await recordEvents(parts, tx, [
      systemEvent(parts, 'destination.changed', `Destination ${row.name} was ${known ? 'changed' : 'added'}.`, { id: row.id }),
    ]);
    return row;
  });
}

export function removeDestination(parts: Parts, id: string): Promise<void> {
  return parts.store.write(async (tx) => {
    const row = await tx.destinations.get(id);
    if (row === null) throw unknownDestination();
    if (row.isDefault) {
      throw new FlotillaError('refused', `${row.name} is the default destination. Make another one the default first.`);
    }
    const count = await tx.downloads.countUnfinishedTo(id);
    if (count > 0) {
      const who = count === 1 ? 'One unfinished download goes' : `${count} unfinished downloads go`;
      throw new FlotillaError(
        'refused',
        `${who} to ${row.name}. Give them another destination, or wait until they are finished.`,
      );
    }
    await tx.destinations.remove(id);
    await recordEvents(parts, tx, [systemEvent(parts, 'destination.changed', `Destination ${row.name} was removed.`, { id })]);
  });
}

function unknownDestination(): FlotillaError {
  return new FlotillaError('not_found', 'There is no such destination. It may have been removed.');
}
