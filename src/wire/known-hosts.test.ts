import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { tempFolder } from '#testing/temp.ts';
import { addKnownKey, findKnownKeys, fingerprint, keyType } from './known-hosts.ts';

/** A blob as in RFC 8709 section 4: the type, then the key. */
function key(mark: number): Buffer {
  const type = Buffer.from('ssh-ed25519');
  const length = (bytes: number) => Buffer.from([0, 0, 0, bytes]);
  return Buffer.concat([length(type.length), type, length(32), Buffer.alloc(32, mark)]);
}

const line = (hosts: string, mark: number) => `${hosts} ssh-ed25519 ${key(mark).toString('base64')} somebody`;

function hashed(name: string): string {
  const salt = Buffer.alloc(20, 7);
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`;
}

async function marksOf(t: TestContext, text: string, host: string, port = 22) {
  const path = join(tempFolder(t), 'known_hosts');
  writeFileSync(path, text);
  const { trusted, revoked } = await findKnownKeys([join(path, 'not there'), path], host, port);
  return { trusted: trusted.map((one) => one.at(-1)), revoked: revoked.map((one) => one.at(-1)) };
}

const cases: [name: string, lines: string[], host: string, port: number, trusted: number[]][] = [
  ['its name', [line('a.example', 1), line('b.example', 2)], 'a.example', 22, [1]],
  ['its name in other letters', [line('A.Example', 1)], 'a.EXAMPLE', 22, [1]],
  ['one of several names', [line('b.example,a.example', 1)], 'a.example', 22, [1]],
  ['its port', [line('a.example', 1), line('[a.example]:2222', 2)], 'a.example', 2222, [2]],
  ['the usual port alone', [line('[a.example]:2222', 2)], 'a.example', 22, []],
  ['a pattern', [line('*.example', 1), line('?.example', 2), line('*.other', 3)], 'a.example', 22, [1, 2]],
  ['a pattern but for some', [line('*.example,!a.example', 1)], 'a.example', 22, []],
  ['a name that is hashed', [line(hashed('a.example'), 1), line(hashed('b.example'), 2)], 'a.example', 22, [1]],
  ['a name with its port, hashed', [line(hashed('[a.example]:2222'), 1)], 'a.example', 2222, [1]],
  ['several keys', [line('a.example', 1), line('a.example', 2)], 'a.example', 22, [1, 2]],
  [
    'lines that are none',
    ['# a.example', '', 'a.example', 'a.example ssh-rsa AAAA', `a.example ssh-rsa ${key(1).toString('base64')}`, '|1|'],
    'a.example',
    22,
    [],
  ],
  ['authorities', [`@cert-authority ${line('a.example', 1)}`], 'a.example', 22, []],
];
for (const [name, lines, host, port, trusted] of cases) {
  test(`known hosts: ${name}`, async (t) => {
    assert.deepEqual(await marksOf(t, lines.join('\n'), host, port), { trusted, revoked: [] });
  });
}

test('a revoked key is told apart', async (t) => {
  const text = `${line('a.example', 1)}\n@revoked ${line('*', 2)}\n`;
  assert.deepEqual(await marksOf(t, text, 'a.example'), { trusted: [1], revoked: [2] });
});

test('a pattern of many stars costs no time', { timeout: 60_000 }, async (t) => {
  assert.deepEqual((await marksOf(t, line(`${'*a'.repeat(5000)}b`, 1), 'a'.repeat(250))).trusted, []);
});

test('what is added is found again, and is for its owner alone', async (t) => {
  const path = join(tempFolder(t), 'deep', 'known_hosts');
  await addKnownKey(path, 'a.example', 22, key(1));
  await addKnownKey(path, 'FD00::1', 2222, key(2));
  assert.deepEqual((await findKnownKeys([path], 'fd00::1', 2222)).trusted, [key(2)]);
  assert.equal(statSync(path).mode & 0o777, 0o600);
  assert.equal(keyType(key(1)), 'ssh-ed25519');
  assert.match(fingerprint(key(1)), /^SHA256:[A-Za-z0-9+/]{43}$/);
  assert.equal(keyType(Buffer.from([255, 255, 255, 255, 1])), '');
});

test('whatever is in the file, it is read, and never takes a key for another server', async (t) => {
  const path = join(tempFolder(t), 'known_hosts');
  const words = [
    '@revoked',
    '@',
    '|1|',
    '|',
    '*',
    '?',
    '!',
    ',',
    ' ',
    '\t',
    '\n',
    '#',
    'ssh-ed25519',
    'b.example',
    '[',
    ']:22',
    'AAAA',
    '=',
  ];
  const noise = fc.array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 60 }).map((parts) => parts.join(''));
  await fc.assert(
    fc.asyncProperty(noise, async (text) => {
      writeFileSync(path, `${text}\n${line('b.example', 1)}\n${line('a.example', 2)}\n`);
      const { trusted } = await findKnownKeys([path], 'a.example', 22);
      assert.deepEqual(trusted, [key(2)]);
    }),
  );
});
