/** Short messages at the edge of the screen, and what a screen reader hears of them. */
import { createCell } from './live/signal.ts';

export type Toast = {
  id: number;
  text: string;
  tone: 'plain' | 'bad';
  action?: { label: string; run(): void };
};

export type Toasts = ReturnType<typeof createToasts>;

const plainSeconds = 5;
const actionSeconds = 10;
const mostShown = 4;
/** A screen reader hears at most one sentence in this time, else it would never fall silent. */
const quietMs = 5000;

export function createToasts() {
  const shown = createCell<readonly Toast[]>([]);
  const said = createCell('');
  const timers = new Map<number, ReturnType<typeof setTimeout>>();
  let nextId = 1;
  let waiting: string[] = [];
  let saidAtMs = Number.NEGATIVE_INFINITY;
  let isWaiting = false;

  function dismiss(id: number) {
    clearTimeout(timers.get(id));
    timers.delete(id);
    shown.set(shown.get().filter((toast) => toast.id !== id));
  }

  function wait({ id, action }: Toast) {
    timers.set(
      id,
      setTimeout(() => dismiss(id), (action === undefined ? plainSeconds : actionSeconds) * 1000),
    );
  }

  function say(text: string) {
    waiting.push(text);
    if (isWaiting) return;
    isWaiting = true;
    setTimeout(speak, Math.max(100, saidAtMs + quietMs - Date.now()));
  }

  function speak() {
    isWaiting = false;
    saidAtMs = Date.now();
    said.set([...new Set(waiting)].join(' '));
    waiting = [];
  }

  return {
    shown,
    /** The text of the live region. */
    said,
    say,
    dismiss,
    add(toast: Omit<Toast, 'id'>) {
      const added = { ...toast, id: nextId++ };
      const list = [...shown.get(), added];
      for (const old of list.slice(0, -mostShown)) dismiss(old.id);
      shown.set(list.slice(-mostShown));
      wait(added);
      say(added.action === undefined ? added.text : `${added.text} ${added.action.label}: Ctrl+Z.`);
      return added.id;
    },
    /** Somebody points at the messages or has the focus there: they stay. */
    hold() {
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
    release() {
      for (const toast of shown.get()) if (!timers.has(toast.id)) wait(toast);
    },
    /** Runs the newest action, as its button would. False when there is none. */
    undo(): boolean {
      const toast = shown.get().findLast(({ action }) => action !== undefined);
      if (toast === undefined) return false;
      dismiss(toast.id);
      toast.action?.run();
      return true;
    },
  };
}
