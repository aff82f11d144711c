import { useEffect, useRef } from 'react';
import type { KeyHandlers } from '../key-bus.ts';
import type { KeyAction } from '../keys.ts';
import { useServices } from '../services.tsx';

/** Listens for shortcuts as long as the component is on the screen. The handlers may be new ones at each drawing. */
export function useKeys(handlers: KeyHandlers): void {
  const { keys } = useServices();
  const latest = useRef(handlers);
  latest.current = handlers;
  const names = Object.keys(handlers).join();
  useEffect(() => {
    const actions = names.split(',') as KeyAction[];
    return keys.listen(
      Object.fromEntries(actions.map((action) => [action, (event: KeyboardEvent) => latest.current[action]?.(event)])),
    );
  }, [keys, names]);
}
