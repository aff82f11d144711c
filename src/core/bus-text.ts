/** Messages between replicas as one line of ASCII: what every bus that leaves the process sends. */
import type { BusMessage, SharedProgress } from './bus.ts';

/** Replicas of another version may say other things, and are not heard. It rises when the form of any message changes. */
const form = 1;

/** Ten thousand rows a second are sent as rows: their names would be most of it. */
type Row = [
  downloadId: string,
  owner: number,
  worker: number,
  epoch: number,
  phase: SharedProgress['phase'],
  doneBytes: number,
  sizeBytes: number | null,
  speedBytesPerSecond: number,
  connectionCount: number,
];
type Packed = { form: typeof form; messages: BusMessage[]; ids: string[]; rows: Row[] };

export function writeMessages(messages: readonly BusMessage[]): string {
  const ids = new Map<string, number>();
  const numberOf = (id: string) => {
    const known = ids.get(id) ?? ids.size;
    ids.set(id, known);
    return known;
  };
  const rows = messages
    .flatMap((message) => (message.kind === 'progress' ? message.items : []))
    .map((item): Row => {
      const { downloadId, ownerId, workerId, epoch, phase, doneBytes, sizeBytes, connectionCount } = item;
      const speed = Math.round(item.speedBytesPerSecond);
      return [downloadId, numberOf(ownerId), numberOf(workerId), epoch, phase, doneBytes, sizeBytes, speed, connectionCount];
    });
  const others = messages.filter(({ kind }) => kind !== 'progress');
  const packed: Packed = { form, messages: others, ids: [...ids.keys()], rows };
  return JSON.stringify(packed).replace(/[\u007f-\uffff]/g, (unit) => {
    return `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`;
  });
}

/** null: nothing that we understand. */
export function readMessages(text: string): BusMessage[] | null {
  let packed: Packed;
  try {
    packed = JSON.parse(text);
    if (packed?.form !== form) return null;
    // Whoever may enter a bus that is not ours alone may have written it.
    if (![packed.messages, packed.ids, packed.rows].every(Array.isArray) || !packed.rows.every(Array.isArray)) return null;
    if (!packed.messages.every((message) => typeof message?.kind === 'string')) return null;
  } catch {
    return null;
  }
  const { messages, ids, rows } = packed;
  if (rows.length === 0) return messages;
  const items = rows.map((row): SharedProgress => {
    const [downloadId, owner, worker, epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond, connectionCount] = row;
    const [ownerId = '', workerId = ''] = [ids[owner], ids[worker]];
    return { downloadId, ownerId, workerId, epoch, phase, doneBytes, sizeBytes, speedBytesPerSecond, connectionCount };
  });
  return [{ kind: 'progress', items }, ...messages];
}
