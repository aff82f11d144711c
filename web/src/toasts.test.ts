import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { createToasts } from './toasts.ts';

function start(context: TestContext) {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  return { toasts: createToasts(), pass: (ms: number) => context.mock.timers.tick(ms) };
}

test('a message goes by itself, one with an action stays ten seconds', (context) => {
  const { toasts, pass } = start(context);
  toasts.add({ text: 'plain', tone: 'plain' });
  toasts.add({ text: 'undo me', tone: 'plain', action: { label: 'Undo', run() {} } });
  pass(6000);
  assert.deepEqual(
    toasts.shown.get().map(({ text }) => text),
    ['undo me'],
  );
  pass(5000);
  assert.deepEqual(toasts.shown.get(), []);
});

test('messages stay while somebody points at them', (context) => {
  const { toasts, pass } = start(context);
  toasts.add({ text: 'plain', tone: 'plain' });
  toasts.hold();
  pass(60_000);
  assert.equal(toasts.shown.get().length, 1);
  toasts.release();
  pass(6000);
  assert.equal(toasts.shown.get().length, 0);
});

test('undo runs the newest action, once', (context) => {
  const { toasts } = start(context);
  const done: string[] = [];
  for (const name of ['first', 'second']) {
    toasts.add({ text: name, tone: 'plain', action: { label: 'Undo', run: () => void done.push(name) } });
  }
  assert.equal(toasts.undo(), true);
  assert.equal(toasts.undo(), true);
  assert.equal(toasts.undo(), false);
  assert.deepEqual(done, ['second', 'first']);
});

test('a reader hears at most one sentence in five seconds, and nothing is lost', (context) => {
  const { toasts, pass } = start(context);
  const heard: string[] = [];
  toasts.said.listen(() => heard.push(toasts.said.get()));
  toasts.say('one.');
  pass(200);
  for (const text of ['two.', 'three.', 'three.']) toasts.say(text);
  pass(4000);
  assert.deepEqual(heard, ['one.']);
  pass(2000);
  assert.deepEqual(heard, ['one.', 'two. three.']);
});

test('there are never more than four messages', (context) => {
  const { toasts } = start(context);
  for (let count = 0; count < 9; count++) toasts.add({ text: `${count}`, tone: 'plain' });
  assert.deepEqual(
    toasts.shown.get().map(({ text }) => text),
    ['5', '6', '7', '8'],
  );
});
