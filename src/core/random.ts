import type { Clock } from './clock.ts';

/** Chance, passed in. `u32` is uniform over 0 … 2^32-1; `bytes` is fit for secrets. */
export interface Random {
  u32(): number;
  bytes(count: number): Uint8Array;
}

/** A new id: UUID version 7 (RFC 9562 section 5.7), so ids sort by the time they were made. */
export function newId(clock: Clock, random: Random): string {
  const bytes = random.bytes(16);
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const now = clock.now();
  view.setUint32(0, Math.floor(now / 0x1_0000));
  view.setUint16(4, now % 0x1_0000);
  view.setUint8(6, (view.getUint8(6) & 0x0f) | 0x70);
  view.setUint8(8, (view.getUint8(8) & 0x3f) | 0x80);
  const hex = bytes.toHex();
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
