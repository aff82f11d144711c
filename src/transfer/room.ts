/**
 * Room on disks: what is free, less what must stay free, less what running downloads still bring. Downloads that run in one
 * process share one `Room`, so that they do not count on the same free bytes.
 */
import { type Clock, sleep } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Files, Space } from '#core/files.ts';
import { formatBytes } from '#lib/format.ts';

/** Bytes that a download still brings to a folder's disk; null while nobody knows how many. Asked again and again. */
export type Need = { folder: string; bytesToCome(): number | null };

/** Kept free when nobody says otherwise, but never more than this part of the disk. */
const keepFreeBytes = 64 * 1024 * 1024;
const keepFreeShare = 0.01;
/** Less than this is not worth a look of its own: one of the last second is good enough. */
const smallBytes = 4 * 1024 * 1024;
const lookMs = 1000;
const soonestMs = 50;
/** Faster than this nobody fills a disk. */
const fillBytesPerSecond = 2 * 1024 ** 3;
/** A file whose size nobody knows goes on when there is this much, or this part of a small disk. */
const unknownBytes = 16 * 1024 * 1024;
const unknownShare = 1 / 16;

export class Room {
  readonly #files: Files;
  readonly #clock: Clock;
  readonly #keepFreeBytes: number | null;
  readonly #shares = new Set<Share>();
  readonly #looks = new Map<string, { space: Space; atMs: number }>();

  /** `keepBytes` stay free on every disk; null chooses. */
  constructor(files: Files, clock: Clock, keepBytes: number | null) {
    this.#files = files;
    this.#clock = clock;
    this.#keepFreeBytes = keepBytes;
  }

  /** For one run of one download; it ends with `release`. */
  share(): Share {
    const share: Share = new Share(this.#clock, {
      look: (folder) => this.#look(folder, soonestMs),
      keepOf: (space) => this.#keepOf(space),
      claim: (needs) => this.#claim(share, needs),
      drop: () => void this.#shares.delete(share),
    });
    return share;
  }

  /** Bytes that a new download may bring to the folder's disk. Below zero when more is promised than there is. */
  async spareBytes(folder: string): Promise<number> {
    const space = await this.#look(folder, 0);
    return space.freeBytes - this.#keepOf(space) - this.#promisedBytes(space.disk, null);
  }

  /** Resolves with true once all of it would fit, with false when it did not within `waitMs`. */
  async waitFor(needs: readonly Need[], waitMs: number, signal: AbortSignal): Promise<boolean> {
    const endsAtMs = this.#clock.mono() + waitMs;
    for (;;) {
      if (await this.#wouldFit(needs)) return true;
      const restMs = endsAtMs - this.#clock.mono();
      if (restMs <= 0) return false;
      await sleep(this.#clock, Math.min(lookMs, restMs), signal);
    }
  }

  async #wouldFit(needs: readonly Need[]): Promise<boolean> {
    const spaces = await Promise.all(needs.map(({ folder }) => this.#look(folder, 0)));
    return this.#shortage(needs, spaces, null, unknownBytes) === null;
  }

  /** True: the needs are too small to be watched. */
  async #claim(share: Share, needs: readonly Need[]): Promise<boolean> {
    const isSmall = needs.every((need) => (need.bytesToCome() ?? Number.POSITIVE_INFINITY) <= smallBytes);
    const spaces = await Promise.all(needs.map(({ folder }) => this.#look(folder, isSmall ? lookMs : 0)));
    // From here on nobody comes in between.
    const shortage = this.#shortage(needs, spaces, share, 0);
    if (shortage !== null) throw shortage;
    share.grant(needs.map((need, index) => ({ ...need, disk: spaces[index]?.disk ?? '' })));
    this.#shares.add(share);
    return isSmall;
  }

  /** Why the needs do not fit, all of those on one disk together; null when they do. */
  #shortage(needs: readonly Need[], spaces: readonly Space[], own: Share | null, forUnknown: number): FlotillaError | null {
    for (const [index, space] of spaces.entries()) {
      const onDisk = needs.filter((_, other) => spaces[other]?.disk === space.disk);
      const guessBytes = Math.min(forUnknown, Math.floor(space.sizeBytes * unknownShare));
      const neededBytes = onDisk.reduce((sum, need) => sum + (need.bytesToCome() ?? guessBytes), 0);
      const keepBytes = this.#keepOf(space);
      const promisedBytes = this.#promisedBytes(space.disk, own);
      if (neededBytes === 0 || neededBytes <= space.freeBytes - keepBytes - promisedBytes) continue;
      return noRoom({ folder: needs[index]?.folder ?? '', space, keepBytes, promisedBytes, neededBytes });
    }
    return null;
  }

  #promisedBytes(disk: string, except: Share | null): number {
    let sumBytes = 0;
    for (const share of this.#shares) if (share !== except) sumBytes += share.bytesToComeOn(disk);
    return sumBytes;
  }

  #keepOf({ sizeBytes }: Space): number {
    return this.#keepFreeBytes ?? Math.min(keepFreeBytes, Math.floor(sizeBytes * keepFreeShare));
  }

  async #look(folder: string, oldestMs: number): Promise<Space> {
    const known = this.#looks.get(folder);
    if (known !== undefined && this.#clock.mono() - known.atMs < oldestMs) return known.space;
    const space = await this.#files.space(folder);
    this.#looks.set(folder, { space, atMs: this.#clock.mono() });
    return space;
  }
}

type RoomView = {
  look(folder: string): Promise<Space>;
  keepOf(space: Space): number;
  claim(needs: readonly Need[]): Promise<boolean>;
  drop(): void;
};

/** What one download has been promised, and the watch over it. */
export class Share {
  readonly #clock: Clock;
  readonly #room: RoomView;
  readonly #full = new AbortController();
  #needs: readonly Need[] = [];
  #granted: (Need & { disk: string })[] = [];
  #isReleased = false;
  #watch: { cancel(): void } | null = null;

  constructor(clock: Clock, room: RoomView) {
    this.#clock = clock;
    this.#room = room;
  }

  /** Aborted with a `no_space` when a disk is about to be full. */
  get full(): AbortSignal {
    return this.#full.signal;
  }

  /** What was asked for last, granted or not. */
  get needs(): readonly Need[] {
    return this.#needs;
  }

  /** Throws `no_space` when it does not fit beside what the others still bring. Called again, it replaces what it asked for. */
  async claim(needs: Need[]): Promise<void> {
    this.#needs = needs;
    const isSmall = await this.#room.claim(needs);
    if (this.#isReleased) this.#room.drop();
    else if (!isSmall) this.#watchAfter(soonestMs);
  }

  /** By the room alone. */
  grant(granted: (Need & { disk: string })[]): void {
    this.#granted = granted;
  }

  bytesToComeOn(disk: string): number {
    return this.#granted.reduce((sum, need) => sum + (need.disk === disk ? (need.bytesToCome() ?? 0) : 0), 0);
  }

  release(): void {
    this.#isReleased = true;
    this.#watch?.cancel();
    this.#room.drop();
  }

  #watchAfter(waitMs: number): void {
    this.#watch?.cancel();
    this.#watch = this.#clock.setTimer(waitMs, () => {
      this.#lookAround().then(
        (nextMs) => {
          if (!this.#isReleased && nextMs !== null) this.#watchAfter(nextMs);
        },
        // A disk that says nothing of its room tells when it is full.
        () => {},
      );
    });
  }

  /** When to look again; null when it is over. */
  async #lookAround(): Promise<number | null> {
    let nextMs = lookMs;
    for (const { folder, bytesToCome } of this.#granted) {
      const toComeBytes = bytesToCome();
      if (toComeBytes === 0) continue;
      const space = await this.#room.look(folder);
      const keepBytes = this.#room.keepOf(space);
      const restBytes = space.freeBytes - keepBytes;
      if (restBytes < 0) {
        this.#full.abort(noRoom({ folder, space, keepBytes, promisedBytes: 0, neededBytes: toComeBytes }));
        return null;
      }
      nextMs = Math.min(nextMs, Math.max(soonestMs, (restBytes / fillBytesPerSecond) * 1000));
    }
    return nextMs;
  }
}

type Shortage = {
  folder: string;
  space: Space;
  keepBytes: number;
  promisedBytes: number;
  /** null: nobody knows. */
  neededBytes: number | null;
};

function noRoom({ folder, space, keepBytes, promisedBytes, neededBytes }: Shortage): FlotillaError {
  if ((neededBytes ?? 0) > space.sizeBytes) {
    const sizes = `${formatBytes(neededBytes ?? 0)} are still to come, and the whole disk has ${formatBytes(space.sizeBytes)}`;
    return new FlotillaError('no_space', `${folder} is too small: ${sizes}. Choose another folder.`, { retry: 'never' });
  }
  const uses = [
    ...(keepBytes > 0 ? [`${formatBytes(keepBytes)} stay free`] : []),
    ...(promisedBytes > 0 ? [`${formatBytes(promisedBytes)} are for other downloads`] : []),
  ];
  const free = `${formatBytes(space.freeBytes)} free${uses.length > 0 ? ` (${uses.join(', ')})` : ''}`;
  const needed = neededBytes === null ? '' : `, ${formatBytes(neededBytes)} still to come`;
  return new FlotillaError('no_space', `${folder} is full: ${free}${needed}. Free some space, then go on.`);
}
