import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createSecrets } from './secrets.ts';

test('a password matches its own hash and no other, each hash with a salt of its own', async () => {
  const secrets = createSecrets();
  const [hash, other] = [await secrets.hashPassword('a boat'), await secrets.hashPassword('a boat')];
  assert.match(hash, /^\$argon2id\$v=19\$m=47104,t=1,p=1\$[\w+/]{22}\$[\w+/]{43}$/);
  assert.notEqual(hash, other);
  assert.equal(await secrets.verifyPassword(hash, 'a boat'), true);
  assert.equal(await secrets.verifyPassword(hash, 'a bout'), false);
});

test('a hash of an older cost is still understood', async () => {
  const hash = await createSecrets({ memory: 64, passes: 2, parallelism: 1 }).hashPassword('a boat');
  assert.equal(await createSecrets().verifyPassword(hash, 'a boat'), true);
});

test('a letter that can be typed in two ways is the same', async () => {
  const secrets = createSecrets({ memory: 64, passes: 1, parallelism: 1 });
  assert.equal(await secrets.verifyPassword(await secrets.hashPassword('na\u00efve'), 'nai\u0308ve'), true);
});

for (const hash of [null, '', 'plain', '$argon2id$v=19$m=64,t=1,p=1$AAAA$AAAA']) {
  test(`nothing matches ${JSON.stringify(hash)}`, async () => {
    assert.equal(await createSecrets().verifyPassword(hash, ''), false);
  });
}

test('two are computed at a time, some wait, and the rest is told to come back', async () => {
  const secrets = createSecrets({ memory: 64, passes: 1, parallelism: 1 });
  const results = await Promise.allSettled(Array.from({ length: 50 }, () => secrets.hashPassword('a boat')));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 34);
  assert.equal(await secrets.verifyPassword(await secrets.hashPassword('a boat'), 'a boat'), true);
});

test('equal texts are the same, whatever their length', () => {
  const { isSame, sha256 } = createSecrets();
  assert.equal(isSame('', ''), true);
  assert.equal(isSame('a', 'ab'), false);
  assert.equal(sha256('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});
