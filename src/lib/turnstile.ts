/** How a place stands for one visitor: it may enter, all are inside that may be, or it should give one of its own up. */
export type Room = 'free' | 'full' | 'wanted';

/**
 * Lets only so many through to each place at once, and the others in the order they came. A visitor may be inside several
 * times; while it is, and another waits who is not inside at all, it is asked to give one up.
 */
export class Turnstile<Visitor> {
  readonly #mostAt: (place: string) => number | null;
  readonly #places = new Map<string, Place<Visitor>>();

  /** `mostAt` may answer differently later; call `changed` then. null: as many as come. */
  constructor(mostAt: (place: string) => number | null) {
    this.#mostAt = mostAt;
  }

  room(name: string, visitor: Visitor): Room {
    const most = this.#mostAt(name);
    const place = this.#places.get(name);
    if (most === null || place === undefined) return 'free';
    const own = place.inside.filter((one) => one === visitor).length;
    const isWaitedFor = place.waiting.some((waiter) => !place.inside.includes(waiter.visitor));
    if (own > 1 && (place.inside.length > most || isWaitedFor)) return 'wanted';
    return place.inside.length < most && place.waiting.length === 0 ? 'free' : 'full';
  }

  /**
   * Resolves with how to leave, which is harmless when done twice. `onWait` is called when it is not at once, with how many
   * may be inside. Rejects with the reason of the signal.
   */
  async enter(name: string, visitor: Visitor, signal: AbortSignal, onWait: (most: number) => void): Promise<() => void> {
    signal.throwIfAborted();
    const place = this.#places.get(name) ?? { inside: [], waiting: [] };
    this.#places.set(name, place);
    const most = this.#mostAt(name);
    if (most !== null && (place.inside.length >= most || place.waiting.length > 0)) {
      onWait(most);
      await this.#wait(place, visitor, signal);
    } else place.inside.push(visitor);
    let isInside = true;
    return () => {
      if (!isInside) return;
      isInside = false;
      place.inside.splice(place.inside.indexOf(visitor), 1);
      this.#admit(name, place);
    };
  }

  /** More may be let through now. */
  changed(): void {
    for (const [name, place] of this.#places) this.#admit(name, place);
  }

  #wait(place: Place<Visitor>, visitor: Visitor, signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        place.waiting.splice(place.waiting.indexOf(waiter), 1);
        reject(signal.reason);
      };
      const letIn = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const waiter = { visitor, letIn };
      place.waiting.push(waiter);
      signal.addEventListener('abort', giveUp, { once: true });
    });
  }

  #admit(name: string, place: Place<Visitor>): void {
    const most = this.#mostAt(name) ?? Number.POSITIVE_INFINITY;
    while (place.waiting.length > 0 && place.inside.length < most) {
      const { visitor, letIn } = place.waiting.shift() as Waiter<Visitor>;
      place.inside.push(visitor);
      letIn();
    }
    if (place.inside.length === 0 && place.waiting.length === 0) this.#places.delete(name);
  }
}

type Waiter<Visitor> = { visitor: Visitor; letIn(): void };
/** `inside` names a visitor as often as it is there. */
type Place<Visitor> = { inside: Visitor[]; waiting: Waiter<Visitor>[] };
