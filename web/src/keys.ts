/** Every shortcut, once: the page listens by this table, and the sheet of keys is drawn from it. */
import type { MessageId } from './words/words.ts';

export type KeyAction =
  | 'add'
  | 'search'
  | 'down'
  | 'up'
  | 'first'
  | 'last'
  | 'pageDown'
  | 'pageUp'
  | 'toggle'
  | 'selectAll'
  | 'open'
  | 'pause'
  | 'retry'
  | 'retryChanged'
  | 'remove'
  | 'removeFiles'
  | 'menu'
  | 'undo'
  | 'filterAll'
  | 'filterActive'
  | 'filterQueued'
  | 'filterFinished'
  | 'filterFailed'
  | 'goDownloads'
  | 'goStats'
  | 'goWorkers'
  | 'goHistory'
  | 'goSettings'
  | 'previousTab'
  | 'nextTab'
  | 'escape'
  | 'help';

/**
 * `code` is the place on the keyboard, `key` what is printed there. Letters match by what they print, so they are right on
 * AZERTY; where the layout prints no Latin letter (Russian), they match by place.
 */
export type Chord = { code: string; key?: string; ctrl?: boolean; shift?: boolean; after?: string };

type Group = 'everywhere' | 'list' | 'details';
export type Shortcut = { action: KeyAction; group: Group; words: MessageId; chords: Chord[] };

const letter = (key: string, extra: Partial<Chord> = {}): Chord => ({ code: `Key${key.toUpperCase()}`, key, ...extra });

export const shortcuts: Shortcut[] = [
  { action: 'add', group: 'everywhere', words: 'key.add', chords: [letter('a'), letter('v', { ctrl: true })] },
  {
    action: 'search',
    group: 'everywhere',
    words: 'key.search',
    chords: [{ code: 'Slash', key: '/' }, letter('k', { ctrl: true })],
  },
  { action: 'goDownloads', group: 'everywhere', words: 'key.goDownloads', chords: [letter('d', { after: 'g' })] },
  { action: 'goWorkers', group: 'everywhere', words: 'key.goWorkers', chords: [letter('k', { after: 'g' })] },
  { action: 'goHistory', group: 'everywhere', words: 'key.goHistory', chords: [letter('h', { after: 'g' })] },
  { action: 'goStats', group: 'everywhere', words: 'key.goStats', chords: [letter('t', { after: 'g' })] },
  { action: 'goSettings', group: 'everywhere', words: 'key.goSettings', chords: [letter('s', { after: 'g' })] },
  { action: 'undo', group: 'everywhere', words: 'key.undo', chords: [letter('z', { ctrl: true })] },
  { action: 'escape', group: 'everywhere', words: 'key.escape', chords: [{ code: 'Escape' }] },
  { action: 'help', group: 'everywhere', words: 'key.help', chords: [{ code: 'Slash', key: '?', shift: true }] },
  { action: 'down', group: 'list', words: 'key.down', chords: [letter('j'), { code: 'ArrowDown' }] },
  { action: 'up', group: 'list', words: 'key.up', chords: [letter('k'), { code: 'ArrowUp' }] },
  { action: 'first', group: 'list', words: 'key.first', chords: [{ code: 'Home' }] },
  { action: 'last', group: 'list', words: 'key.last', chords: [{ code: 'End' }] },
  { action: 'pageDown', group: 'list', words: 'key.pageDown', chords: [{ code: 'PageDown' }] },
  { action: 'pageUp', group: 'list', words: 'key.pageUp', chords: [{ code: 'PageUp' }] },
  { action: 'toggle', group: 'list', words: 'key.toggle', chords: [{ code: 'Space' }, letter('x')] },
  { action: 'selectAll', group: 'list', words: 'key.selectAll', chords: [letter('a', { ctrl: true })] },
  { action: 'open', group: 'list', words: 'key.open', chords: [{ code: 'Enter' }, letter('o')] },
  { action: 'pause', group: 'list', words: 'key.pause', chords: [letter('p')] },
  { action: 'retry', group: 'list', words: 'key.retry', chords: [letter('r')] },
  { action: 'retryChanged', group: 'list', words: 'key.retryChanged', chords: [letter('r', { shift: true })] },
  { action: 'remove', group: 'list', words: 'key.remove', chords: [{ code: 'Delete' }] },
  { action: 'removeFiles', group: 'list', words: 'key.removeFiles', chords: [{ code: 'Delete', shift: true }] },
  { action: 'menu', group: 'list', words: 'key.menu', chords: [{ code: 'F10', shift: true }, { code: 'ContextMenu' }] },
  { action: 'filterAll', group: 'list', words: 'key.filterAll', chords: [{ code: 'Digit1' }] },
  { action: 'filterActive', group: 'list', words: 'key.filterActive', chords: [{ code: 'Digit2' }] },
  { action: 'filterQueued', group: 'list', words: 'key.filterQueued', chords: [{ code: 'Digit3' }] },
  { action: 'filterFinished', group: 'list', words: 'key.filterFinished', chords: [{ code: 'Digit4' }] },
  { action: 'filterFailed', group: 'list', words: 'key.filterFailed', chords: [{ code: 'Digit5' }] },
  { action: 'previousTab', group: 'details', words: 'key.previousTab', chords: [{ code: 'BracketLeft', key: '[' }] },
  { action: 'nextTab', group: 'details', words: 'key.nextTab', chords: [{ code: 'BracketRight', key: ']' }] },
];

export type Press = { code: string; key: string; ctrlKey: boolean; metaKey: boolean; shiftKey: boolean; altKey: boolean };

/** Actions in which Shift means "extend the selection", so it does not change what the key is. */
const shiftExtends = new Set<KeyAction>(['down', 'up', 'first', 'last', 'pageDown', 'pageUp', 'toggle']);

/**
 * Reads presses into actions; remembers a `g` for one more press. With `letters` off, chords of one bare letter do nothing.
 * Ctrl+V is in the table for the sheet only: the paste event does the work.
 */
export function createKeyReader() {
  let prefix: string | undefined;
  return (press: Press, letters: boolean): KeyAction | null => {
    const after = prefix;
    prefix = undefined;
    if (press.altKey) return null;
    const ctrl = press.ctrlKey || press.metaKey;
    if (
      !ctrl &&
      !press.shiftKey &&
      letters &&
      (isPrinted(letter('g'), press) || isInPlace(letter('g'), press)) &&
      after === undefined
    ) {
      prefix = 'g';
      return null;
    }
    // First by what the key prints, then by its place: `?` must not be taken for the `/` it shares a key with.
    for (const isSame of [isPrinted, isInPlace]) {
      for (const { action, chords } of shortcuts) {
        for (const chord of chords) {
          if (chord.after !== after || Boolean(chord.ctrl) !== ctrl || !isSame(chord, press)) continue;
          if (isShifted(chord, press) && !shiftExtends.has(action)) continue;
          if (isBareLetter(chord) && !letters) continue;
          if (action === 'add' && ctrl) continue;
          return action;
        }
      }
    }
    return null;
  };
}

function isPrinted(chord: Chord, press: Press): boolean {
  return chord.key === undefined ? press.code === chord.code : press.key.toLowerCase() === chord.key;
}

function isInPlace(chord: Chord, press: Press): boolean {
  return !/^[a-z0-9]$/i.test(press.key) && press.code === chord.code;
}

/** Is Shift held where it should not be, or missing where it should be? A sign that prints itself has its Shift built in. */
function isShifted(chord: Chord, press: Press): boolean {
  if (chord.key !== undefined && !/^[a-z]$/.test(chord.key) && press.key === chord.key) return false;
  return Boolean(chord.shift) !== press.shiftKey;
}

function isBareLetter(chord: Chord): boolean {
  return chord.ctrl !== true && (chord.key !== undefined || chord.code.startsWith('Digit'));
}

const printed: Record<string, string> = {
  Space: '␣',
  ArrowDown: '↓',
  ArrowUp: '↑',
  Escape: 'Esc',
  Delete: 'Del',
  PageDown: 'PgDn',
  PageUp: 'PgUp',
  ContextMenu: 'Menu',
};

/** The caps to draw for a chord: `['Ctrl', 'A']`, `['G', 'D']`. */
export function capsOf(chord: Chord): string[] {
  const cap = chord.key?.toUpperCase() ?? printed[chord.code] ?? chord.code.replace('Digit', '');
  const isBuiltIn = chord.key === '?';
  return [
    ...(chord.ctrl ? ['Ctrl'] : []),
    ...(chord.shift && !isBuiltIn ? ['Shift'] : []),
    ...(chord.after ? [chord.after.toUpperCase()] : []),
    cap,
  ];
}
