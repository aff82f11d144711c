import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { encode } from '#lib/bencode.ts';
import { makeTorrent } from '#testing/make-torrent.ts';
import { startChild } from './child.ts';
import { confined, Sandbox } from './sandbox.ts';

const torrent = () => encode(makeTorrent({ name: 'a', files: [{ path: ['a'], bytes: new Uint8Array(5) }] }));
const metalink = Buffer.from(
  '<metalink xmlns="urn:ietf:params:xml:ns:metalink"><file name="x"><url>http://a.org/x</url></file></metalink>',
);
/** Takes long to read, and much memory. */
const large = () =>
  Buffer.from(`d4:infod5:filesl${'d6:lengthi1e4:pathl1:a2:bbee'.repeat(190_000)}e4:name1:f12:piece lengthi16384eee`);

test('torrents and Metalink documents are read by a process of their own, one after the other', {
  timeout: 120_000,
}, async () => {
  const sandbox = new Sandbox();
  try {
    const [first, second, third] = await Promise.all([
      sandbox.read('torrent', torrent()),
      sandbox.read('metalink', metalink),
      sandbox.read('torrent', torrent()),
    ]);
    assert.equal(first.files[0]?.path, 'a');
    assert.deepEqual(second[0]?.links, ['http://a.org/x']);
    assert.deepEqual(third, first);
    await assert.rejects(sandbox.read('torrent', Buffer.from('d4:infoe')), {
      code: 'unsupported',
      message: /key without a value/,
    });
    await assert.rejects(sandbox.read('metalink', Buffer.from('<!DOCTYPE x>')), { code: 'unsupported', message: /DOCTYPE/ });
  } finally {
    await sandbox.close();
  }
});

test('a document that was read before is answered at once, and no other gets the answer of its neighbour', {
  timeout: 120_000,
}, async () => {
  const sandbox = new Sandbox();
  try {
    const known = torrent();
    assert.equal((await sandbox.read('torrent', known)).name, 'a');
    const slow = sandbox.read(
      'torrent',
      encode(makeTorrent({ name: 'b', files: [{ path: ['b'], bytes: new Uint8Array(5) }] })),
    );
    const again = sandbox.read('torrent', known);
    const last = sandbox.read('metalink', metalink);
    assert.equal((await again).name, 'a');
    assert.equal((await slow).name, 'b');
    assert.deepEqual((await last)[0]?.links, ['http://a.org/x']);
    await assert.rejects(sandbox.read('metalink', known), { code: 'unsupported' }, 'as another kind it is another document');
  } finally {
    await sandbox.close();
  }
});

test('who closes it learns nothing bad of the document', { timeout: 120_000 }, async () => {
  const sandbox = new Sandbox();
  const reading = sandbox.read('torrent', large());
  const begun = sandbox.read('torrent', torrent());
  const both = Promise.allSettled([reading, begun]);
  await sandbox.close();
  for (const { status, reason } of (await both) as PromiseRejectedResult[]) {
    assert.deepEqual([status, reason.code, reason.retry], ['rejected', 'task_lost', 'later']);
  }
});

for (const [what, limits] of [
  ['time', { mostWorkMs: 100 }],
  ['memory', { mostHeapMib: 16 }],
] as const) {
  test(`a document that takes too much ${what} is refused, and the next is read`, { timeout: 120_000 }, async () => {
    const sandbox = new Sandbox(limits);
    try {
      const tooMuch = sandbox.read('torrent', large());
      const after = sandbox.read('torrent', torrent());
      await assert.rejects(tooMuch, { code: 'unsupported', message: /more time or memory/ });
      assert.equal((await after).name, 'a');
    } finally {
      await sandbox.close();
    }
  });
}

test('a program that forgets to close it ends all the same', { timeout: 120_000 }, async () => {
  const program = `
    import { Sandbox } from ${JSON.stringify(new URL('sandbox.ts', import.meta.url).href)};
    console.log((await new Sandbox().read('metalink', Buffer.from(${JSON.stringify(metalink.toString())}))).length);`;
  const child = await startChild({ command: process.execPath, args: ['--input-type=module', '-e', program], folder: '/' });
  const said = text(child.stdout);
  child.stderr.resume();
  assert.deepEqual(await child.done, { code: 0, signal: null });
  assert.equal(await said, '1\n');
});

test('the process that reads can do nothing but that', { timeout: 120_000 }, async () => {
  const could = async (args: string[]) => {
    const child = await startChild({
      command: process.execPath,
      args,
      folder: '/',
      hasChannel: true,
    });
    child.stdout.resume();
    child.stderr.resume();
    const told = new Promise((resolve) => child.onMessage(resolve));
    await child.done;
    return told;
  };
  const args = confined('src/testing/try-everything.ts', 128);
  assert.deepEqual(await could(args), ['compute']);
});
