import assert from 'node:assert/strict';
import { test } from 'node:test';
import { capsOf, createKeyReader, type KeyAction, type Press, shortcuts } from './keys.ts';

function press(code: string, key: string, held: Partial<Press> = {}): Press {
  return { code, key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...held };
}

const cases: [string, Press, KeyAction | null][] = [
  ['a on a Latin keyboard', press('KeyA', 'a'), 'add'],
  ['a on AZERTY lies where Q is', press('KeyQ', 'a'), 'add'],
  ['ф on a Russian keyboard lies where A is', press('KeyA', 'ф'), 'add'],
  ['q on AZERTY lies where A is, and is not a', press('KeyA', 'q'), null],
  ['з pauses', press('KeyP', 'з'), 'pause'],
  ['/ on a Latin keyboard', press('Slash', '/'), 'search'],
  ['/ with Shift on a German keyboard', press('Digit7', '/', { shiftKey: true }), 'search'],
  ['the key of / on a Russian keyboard', press('Slash', '.'), 'search'],
  ['?', press('Slash', '?', { shiftKey: true }), 'help'],
  ['? however it is made', press('Slash', '?'), 'help'],
  ['Ctrl+A', press('KeyA', 'a', { ctrlKey: true }), 'selectAll'],
  ['Cmd+A', press('KeyA', 'a', { metaKey: true }), 'selectAll'],
  ['Ctrl+F stays with the browser', press('KeyF', 'f', { ctrlKey: true }), null],
  ['Shift+R', press('KeyR', 'R', { shiftKey: true }), 'retryChanged'],
  ['r', press('KeyR', 'r'), 'retry'],
  ['Ctrl+R stays with the browser', press('KeyR', 'r', { ctrlKey: true }), null],
  ['Shift+Down extends', press('ArrowDown', 'ArrowDown', { shiftKey: true }), 'down'],
  ['Delete', press('Delete', 'Delete'), 'remove'],
  ['Shift+Delete', press('Delete', 'Delete', { shiftKey: true }), 'removeFiles'],
  ['F10 alone stays with the browser', press('F10', 'F10'), null],
  ['Shift+F10', press('F10', 'F10', { shiftKey: true }), 'menu'],
  ['Alt+A', press('KeyA', 'a', { altKey: true }), null],
];
for (const [name, pressed, action] of cases)
  test(`${name} means ${action}`, () => assert.equal(createKeyReader()(pressed, true), action));

test('g then h goes to History, g then something else does nothing strange', () => {
  const read = createKeyReader();
  assert.equal(read(press('KeyG', 'g'), true), null);
  assert.equal(read(press('KeyH', 'h'), true), 'goHistory');
  assert.equal(read(press('KeyH', 'h'), true), null);
  read(press('KeyG', 'g'), true);
  assert.equal(read(press('KeyA', 'a'), true), null);
});

test('letters can be turned off, other keys stay', () => {
  const read = createKeyReader();
  assert.equal(read(press('KeyA', 'a'), false), null);
  assert.equal(read(press('Slash', '/'), false), null);
  assert.equal(read(press('KeyA', 'a', { ctrlKey: true }), false), 'selectAll');
  assert.equal(read(press('ArrowDown', 'ArrowDown'), false), 'down');
});

test('no two shortcuts share a chord', () => {
  const seen = shortcuts.flatMap(({ chords }) => chords.map((chord) => capsOf(chord).join('+')));
  assert.equal(new Set(seen).size, seen.length);
});
