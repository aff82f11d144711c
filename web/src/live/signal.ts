export type Listen = (listener: () => void) => () => void;

/** A bell: whoever listens is called each time it rings. */
export function createSignal() {
  const listeners = new Set<() => void>();
  return {
    listen(listener: () => void) {
      listeners.add(listener);
      return () => {
        listeners.delete(listener);
      };
    },
    emit() {
      for (const listener of [...listeners]) listener();
    },
    isUnheard: () => listeners.size === 0,
  };
}

/** A value that can be listened to. */
export function createCell<Value>(initial: Value) {
  const signal = createSignal();
  let value = initial;
  return {
    get: () => value,
    set(next: Value) {
      if (Object.is(next, value)) return;
      value = next;
      signal.emit();
    },
    listen: signal.listen,
  };
}
