/** The limits that the downloads of one worker, or of one `get`, are under together. They may change at any time. */
import type { Clock } from '#core/clock.ts';
import { noLimits, ruleFor, type WorkerLimits } from '#core/limits.ts';
import type { HostGate } from '#core/source.ts';
import { Limiter } from '#lib/limiter.ts';
import { Turnstile } from '#lib/turnstile.ts';

/** What one download asks. */
export type DownloadLimits = {
  hosts: HostGate;
  limitersOf(host: string): readonly Limiter[];
  /** For a source that keeps to a speed by itself: its share of what is in force just now; null: no limit. */
  bytesPerSecond(): number | null;
  /** Nothing of it runs any more. */
  end(): void;
};

export class SharedLimits {
  readonly #clock: Clock;
  readonly #all: Limiter;
  readonly #users = new Map<string, Limiter>();
  readonly #hosts = new Map<string, Limiter>();
  readonly #downloads = new Map<string, Limiter>();
  readonly #turnstile = new Turnstile<object>((host) => this.#ruleFor(host)?.connections ?? null);
  #limits = noLimits;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#all = new Limiter(clock, null);
  }

  /** Of all downloads together; null: no limit. */
  get bytesPerSecond(): number | null {
    return this.#all.bytesPerSecond;
  }

  /** From now on. A download that `downloads` does not name has no limit of its own. */
  apply(limits: WorkerLimits): void {
    this.#limits = limits;
    this.#all.change(limits.bytesPerSecond);
    forgetUnused(this.#users);
    forgetUnused(this.#hosts);
    for (const [ownerId, limiter] of this.#users) limiter.change(this.#speedOfUser(ownerId));
    for (const [host, limiter] of this.#hosts) limiter.change(this.#ruleFor(host)?.bytesPerSecond ?? null);
    for (const [downloadId, limiter] of this.#downloads) limiter.change(this.#speedOfDownload(downloadId));
    this.#turnstile.changed();
  }

  /** One more download; `note` is told in a sentence what it waits for. */
  begin(downloadId: string, ownerId: string, note: (message: string) => void): DownloadLimits {
    const visitor = {};
    const own = new Limiter(this.#clock, this.#speedOfDownload(downloadId));
    this.#downloads.set(downloadId, own);
    return {
      hosts: {
        room: (host) => this.#turnstile.room(host, visitor),
        enter: (host, signal) =>
          this.#turnstile.enter(host, visitor, signal, (most) => {
            note(`${most} of ${most} connections allowed by ${host} are in use; it waits for one of them.`);
          }),
      },
      limitersOf: (host) => [
        this.#all,
        this.#limiterOf(this.#users, ownerId, () => this.#speedOfUser(ownerId)),
        this.#limiterOf(this.#hosts, host, () => this.#ruleFor(host)?.bytesPerSecond ?? null),
        own,
      ],
      bytesPerSecond: () => {
        const ofUser = this.#speedOfUser(ownerId);
        const limits = [this.#all.bytesPerSecond, ofUser].map((limit) => limit && limit / Math.max(1, this.#downloads.size));
        const known = [...limits, own.bytesPerSecond].filter((limit) => limit !== null);
        return known.length === 0 ? null : Math.min(...known);
      },
      end: () => {
        if (this.#downloads.get(downloadId) === own) this.#downloads.delete(downloadId);
      },
    };
  }

  #limiterOf(limiters: Map<string, Limiter>, key: string, speed: () => number | null): Limiter {
    const limiter = limiters.get(key) ?? new Limiter(this.#clock, speed());
    limiters.set(key, limiter);
    return limiter;
  }

  #ruleFor(host: string) {
    return ruleFor(host, this.#limits.hosts);
  }

  #speedOfUser(ownerId: string): number | null {
    return this.#limits.users.find((user) => user.ownerId === ownerId)?.bytesPerSecond ?? null;
  }

  #speedOfDownload(downloadId: string): number | null {
    return this.#limits.downloads.find((download) => download.downloadId === downloadId)?.bytesPerSecond ?? null;
  }
}

/** Hosts come and go for as long as a worker lives. */
function forgetUnused(limiters: Map<string, Limiter>): void {
  for (const [key, limiter] of limiters) if (!limiter.isUsed) limiters.delete(key);
}
