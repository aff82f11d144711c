import { open } from 'node:fs/promises';

type Turn = { running: Promise<void>; next: Promise<void> | null };

/**
 * Flushes folders: a new name is durable only when its folder is. Whoever asks while a flush of the same folder runs shares
 * the next one, so that a thousand small files cost a few flushes and each is as safe as with one of its own.
 */
export class FolderFlusher {
  readonly #turns = new Map<string, Turn>();

  flush(folder: string): Promise<void> {
    const turn = this.#turns.get(folder);
    if (turn === undefined) return this.#start(folder);
    // The running flush may have begun before our name was there: only the one after it is good enough.
    turn.next ??= turn.running.then(
      () => this.#start(folder),
      () => this.#start(folder),
    );
    return turn.next;
  }

  #start(folder: string): Promise<void> {
    const turn: Turn = { running: flushNow(folder), next: null };
    this.#turns.set(folder, turn);
    const forget = () => {
      if (turn.next === null) this.#turns.delete(folder);
    };
    turn.running.then(forget, forget);
    return turn.running;
  }
}

/** Windows flushes no folders and needs none. */
async function flushNow(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
