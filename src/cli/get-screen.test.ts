import assert from 'node:assert/strict';
import { test } from 'node:test';
import { blockScreen, type GetItem, type GetScreen, plainScreen } from './get-screen.ts';

const evil = 'a\x1b[31m\u009b2Jb\rc';
const item: GetItem = {
  link: 'https://example.org/',
  name: evil,
  state: 'active',
  doneBytes: 10,
  sizeBytes: 100,
  speedBytesPerSecond: 1,
  connectionCount: 1,
};

function showAll(screen: GetScreen): void {
  const failure = { code: 'server_error', message: evil, retry: 'never', retryAfterMs: null } as const;
  screen.started(item, 5);
  screen.note(item, evil);
  for (let tick = 0; tick < 20; tick++) screen.tick([item, item]);
  screen.done(item, { path: '/folder/b', sizeBytes: 1, sha256: null, verifiedAgainst: [], seconds: 1 });
  screen.unchanged(item, '/folder/b', 0);
  screen.failed(item, failure, true);
  screen.end([item], null);
}

for (const [name, open] of [
  ['lines', (write: (text: string) => void) => plainScreen({ write }, { write }, false)],
  ['a block', (write: (text: string) => void) => blockScreen({ write }, { write }, false, true)],
] as const) {
  test(`names and sentences of servers are no commands for a terminal that shows ${name}`, () => {
    let shown = '';
    showAll(
      open((text) => {
        shown += text;
      }),
    );
    assert.match(shown, /a \[31m 2Jb c/);
    // Moving up and clearing are ours.
    assert.doesNotMatch(shown.replaceAll('\x1b[3A\x1b[J', ''), /(?!\n)\p{Cc}/u);
  });
}
