/** Hands pressed shortcuts to the part of the page that knows what to do with them: the one that came last is asked first. */
import { createKeyReader, type KeyAction } from './keys.ts';

/** Returning false says "not mine after all": the next one is asked, and the browser may do what it does. */
export type KeyHandlers = Partial<Record<KeyAction, (event: KeyboardEvent) => unknown>>;
export type KeyBus = ReturnType<typeof createKeyBus>;

export function createKeyBus() {
  const listening: KeyHandlers[] = [];
  const read = createKeyReader();

  return {
    listen(handlers: KeyHandlers) {
      listening.push(handlers);
      return () => {
        listening.splice(listening.indexOf(handlers), 1);
      };
    },
    press(event: KeyboardEvent, letters: boolean) {
      if (event.defaultPrevented || event.isComposing) return;
      const target = event.target instanceof Element ? event.target : document.body;
      const isTyping =
        target.closest('input:not([type="checkbox"]):not([type="radio"]), textarea, select, [contenteditable]') !== null;
      // In a field only Ctrl+K and Escape are ours; in a dialog or menu nothing is.
      if (isTyping && event.key !== 'Escape' && !(event.ctrlKey && event.code === 'KeyK')) return;
      if (document.querySelector('[role="dialog"], [role="alertdialog"], [role="menu"]') !== null) return;
      // Enter and Space press the button or link that has the focus.
      const isPressing = event.code === 'Enter' || event.code === 'Space';
      if (isPressing && target.closest('button, a, input, summary, [role="tab"]') !== null) return;
      const action = read(event, letters);
      if (action === null) return;
      for (const handlers of [...listening].reverse()) {
        if (handlers[action] === undefined || handlers[action](event) === false) continue;
        event.preventDefault();
        return;
      }
    },
  };
}
