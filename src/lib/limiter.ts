/** What a limiter needs of a clock, in milliseconds. */
type Timers = { mono(): number; setTimer(delayMs: number, run: () => void): { cancel(): void } };

/** So much of a second all payers together may be ahead of the speed. */
const aheadSeconds = 0.05;
const leastAheadBytes = 64;
const mostAheadBytes = 512 * 1024;
/** Time in which nobody took anything is saved up to this much of a second, so that a late timer costs no speed. */
const savedSeconds = 0.1;
/** Who left in debt is not remembered for longer than this. */
const lostSeconds = 1;
/** Timers closer together than this are one. */
const leastDelayMs = 5;

/**
 * A speed that many share. Bytes are paid for after they flowed: whoever takes part may owe a little, and is held back
 * when it owes more. What the speed allows is given out all the time, in equal parts to the groups that owe, and within a
 * group to its payers; so neither large chunks nor many connections buy a larger share.
 * The speed may change at any time; null lifts the limit.
 */
export class Limiter {
  readonly #clock: Timers;
  readonly #groups = new Map<object, Group>();
  #bytesPerSecond: number | null;
  /** What may flow at once. Below zero: bytes that flowed and whose payer is gone. */
  #creditBytes = 0;
  #settledAtMs: number;
  #timer: { cancel(): void } | null = null;

  constructor(clock: Timers, bytesPerSecond: number | null) {
    this.#clock = clock;
    this.#bytesPerSecond = bytesPerSecond;
    this.#settledAtMs = clock.mono();
  }

  get bytesPerSecond(): number | null {
    return this.#bytesPerSecond;
  }

  /** Does anybody take part? */
  get isUsed(): boolean {
    return this.#groups.size > 0;
  }

  /** What flowed under the speed before costs the time that it would have cost. */
  change(bytesPerSecond: number | null): void {
    const before = this.#bytesPerSecond;
    if (bytesPerSecond === before) return;
    this.#settle();
    const scale = before === null || bytesPerSecond === null ? 0 : bytesPerSecond / before;
    for (const group of this.#groups.values()) for (const debt of group) debt.bytes *= scale;
    this.#creditBytes *= scale;
    this.#bytesPerSecond = bytesPerSecond;
    this.#letGo();
  }

  /** One more connection that pays, for the sake of a group such as a download. */
  join(key: object): Payer {
    const debt: Debt = { bytes: 0, letGo: null };
    const group = this.#groups.get(key) ?? new Set();
    this.#groups.set(key, group.add(debt));
    return {
      mostBytes: () => this.#aheadBytes(group),
      pay: (byteCount) => this.#pay(group, debt, byteCount),
      leave: () => {
        if (!group.delete(debt)) return;
        if (group.size === 0) this.#groups.delete(key);
        this.#creditBytes -= debt.bytes;
        debt.letGo?.();
        this.#settle();
        this.#letGo();
      },
    };
  }

  #pay(group: Group, debt: Debt, byteCount: number): Promise<void> | null {
    if (this.#bytesPerSecond === null) return null;
    // First, for what is taken now is not paid by time in which nobody owed anything.
    if (this.#clock.mono() - this.#settledAtMs >= 1) this.#settle();
    debt.bytes += byteCount;
    if (debt.bytes + this.#lostBytes() <= this.#aheadBytes(group)) return null;
    this.#settle();
    if (debt.bytes + this.#lostBytes() <= this.#aheadBytes(group)) return null;
    return new Promise((resolve) => {
      debt.letGo = resolve;
      this.#setTimer();
    });
  }

  /** So much may one payer of the group owe before it is held back. */
  #aheadBytes(group: Group): number {
    if (this.#bytesPerSecond === null) return mostAheadBytes;
    const share = (this.#bytesPerSecond * aheadSeconds) / Math.max(1, this.#groups.size) / Math.max(1, group.size);
    return Math.round(Math.min(mostAheadBytes, Math.max(leastAheadBytes, share)));
  }

  /** Owed by those who left: small files would cost nothing, if nobody else paid for them. */
  #lostBytes(): number {
    return Math.max(0, -this.#creditBytes);
  }

  /** Gives out what the speed has allowed since the last time. */
  #settle(): void {
    const nowMs = this.#clock.mono();
    const elapsedMs = nowMs - this.#settledAtMs;
    this.#settledAtMs = nowMs;
    const speed = this.#bytesPerSecond;
    if (speed === null) return;
    let bytes = Math.max(this.#creditBytes, -speed * lostSeconds) + (elapsedMs * speed) / 1000;
    if (bytes > 0) {
      const groups = this.#indebted();
      for (const [index, part] of fairParts(bytes, groups.map(totalOf)).entries()) {
        const debts = groups[index] as Debt[];
        for (const [at, paid] of fairParts(part, debts.map(bytesOf)).entries()) (debts[at] as Debt).bytes -= paid;
        bytes -= part;
      }
    }
    this.#creditBytes = Math.min(bytes, speed * savedSeconds);
  }

  /** Those who have paid enough go on; a timer is set for the next of the others. */
  #letGo(): void {
    for (const group of this.#groups.values()) {
      // Half of what is allowed, so that it does not stop again with the next chunk; and a rounding error is no debt.
      const enough = this.#bytesPerSecond === null ? Number.POSITIVE_INFINITY : this.#aheadBytes(group) / 2 + 0.01;
      for (const debt of group) {
        if (debt.letGo === null || debt.bytes + this.#lostBytes() > enough) continue;
        debt.letGo();
        debt.letGo = null;
      }
    }
    this.#setTimer();
  }

  #setTimer(): void {
    this.#timer?.cancel();
    this.#timer = null;
    const speed = this.#bytesPerSecond;
    if (speed === null) return;
    const groups = this.#indebted();
    let waitMs = Number.POSITIVE_INFINITY;
    for (const debts of groups) {
      const shareOfEach = speed / groups.length / debts.length;
      // When half of it is paid we look again: others may owe nothing any more by then, and what they had goes to this one.
      for (const { bytes, letGo } of debts) if (letGo !== null) waitMs = Math.min(waitMs, (bytes * 500) / shareOfEach);
    }
    if (waitMs === Number.POSITIVE_INFINITY) return;
    const lostMs = (this.#lostBytes() * 1000) / speed;
    this.#timer = this.#clock.setTimer(Math.max(leastDelayMs, Math.ceil(waitMs + lostMs)), () => {
      this.#settle();
      this.#letGo();
    });
  }

  /** The debts of each group that has any. */
  #indebted(): Debt[][] {
    const groups = [...this.#groups.values()].map((group) => [...group].filter(({ bytes }) => bytes > 0));
    return groups.filter((debts) => debts.length > 0);
  }
}

/** One of those who share a limiter. */
export type Payer = {
  /** Chunks larger than this make the speed uneven. */
  mostBytes(): number;
  /** Bytes have flowed. null: go on; else wait for the promise, which never rejects. Called when the one before is over. */
  pay(byteCount: number): Promise<void> | null;
  /** Takes no more part, and waits no more. Harmless when done twice. */
  leave(): void;
};

/** `letGo` is set while its payer is held back. */
type Debt = { bytes: number; letGo: (() => void) | null };
type Group = Set<Debt>;

const bytesOf = ({ bytes }: Debt) => bytes;
const totalOf = (debts: Debt[]) => debts.reduce((sum, { bytes }) => sum + bytes, 0);

/** Shares `bytes` out in equal parts, nobody getting more than wanted: what one leaves goes to the others. */
function fairParts(bytes: number, wanted: number[]): number[] {
  const parts = wanted.map(() => 0);
  const smallestFirst = wanted.map((_, index) => index).sort((a, b) => (wanted[a] as number) - (wanted[b] as number));
  let left = bytes;
  for (const [done, index] of smallestFirst.entries()) {
    const part = Math.min(wanted[index] as number, left / (wanted.length - done));
    parts[index] = part;
    left -= part;
  }
  return parts;
}
