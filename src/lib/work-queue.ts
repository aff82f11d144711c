/** Work for several hands, some of which may bring more. */
export class WorkQueue<T> {
  readonly #items: T[] = [];
  #taken = 0;
  #bringers = 0;
  #wakeUps: (() => void)[] = [];

  get isEmpty(): boolean {
    return this.#taken === this.#items.length;
  }

  add(item: T): void {
    this.#items.push(item);
    this.#wakeUps.pop()?.();
  }

  /** Takes out what is waiting now. */
  takeAll(): T[] {
    return this.#items.splice(this.#taken);
  }

  /** Somebody who may add more is at work, until they call what they got. */
  hold(): () => void {
    this.#bringers++;
    return () => {
      if (--this.#bringers > 0) return;
      for (const wake of this.#wakeUps.splice(0)) wake();
    };
  }

  /** The next one; waits while there may be one. null: there will be no more. */
  async next(): Promise<T | null> {
    while (this.isEmpty) {
      if (this.#bringers === 0) return null;
      await new Promise<void>((resolve) => this.#wakeUps.push(resolve));
    }
    return this.#items[this.#taken++] as T;
  }
}
