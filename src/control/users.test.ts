import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { AccessError, anonymous } from '#core/access.ts';
import type { Secrets } from '#core/secrets.ts';
import type { Store } from '#core/store.ts';
import { openSqliteStore } from '#store/sqlite/sqlite.ts';
import { createFakeClock } from '#testing/fake-clock.ts';
import { releaseAfter, tempFolder } from '#testing/temp.ts';
import { createSecrets } from '#wire/secrets.ts';
import { systemRandom } from '#wire/system.ts';
import { guesserOf } from './guesses.ts';
import { createUsers, type Users } from './users.ts';

const password = 'a boat on the lake';
const caller = { address: '192.0.2.1', userAgent: 'test' };
const dayMs = 86_400_000;

type Options = { bootstrapToken?: string; path?: string; secrets?: Secrets };

/** Hashing is made cheap where its cost is not what is tested. */
const cheap = { memory: 64, passes: 1, parallelism: 1 };

async function start(t: TestContext, { bootstrapToken, path = ':memory:', secrets = createSecrets(cheap) }: Options = {}) {
  const clock = createFakeClock();
  const store = await openSqliteStore(path, { clock });
  releaseAfter(t, () => store.close());
  const users = createUsers({ store, clock, random: systemRandom, secrets, bootstrapToken });
  const code = await users.openClaim();
  assert.ok(code);
  return { clock, store, users, code };
}

async function startClaimed(t: TestContext, options?: Options) {
  const parts = await start(t, options);
  const admin = await parts.users.claim({ code: parts.code, name: 'Anna', password }, caller);
  return { ...parts, admin };
}

async function refusal(promise: Promise<unknown>): Promise<AccessError> {
  const error = await promise.then(
    () => assert.fail('it was let in'),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof AccessError, String(error));
  return error;
}

const claimWith = (users: Users, code: string) => users.claim({ code, name: 'Anna', password }, caller);

test('the one-time code makes the first admin, once', async (t) => {
  const { users, code } = await start(t);
  assert.match(code, /^[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}-[0-9A-HJKMNP-TV-Z]{4}$/);
  assert.equal(await users.isClaimed(), false);
  const { user, secret } = await claimWith(users, code);
  assert.deepEqual({ name: user.name, role: user.role }, { name: 'Anna', role: 'admin' });
  assert.equal(await users.isClaimed(), true);
  assert.equal((await users.actorOfSession(secret)).userId, user.id);
  assert.equal((await refusal(claimWith(users, code))).code, 'already_claimed');
  assert.equal(await users.openClaim(), null);
});

test('a code that was typed in small letters with look-alikes is taken', async (t) => {
  const { users, code } = await start(t);
  await claimWith(users, ` ${code.toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')}`);
});

test('after ten wrong codes the right one is void until the next start', async (t) => {
  const { users, code } = await start(t);
  for (let guess = 0; guess < 10; guess++) {
    assert.equal((await refusal(claimWith(users, '0000-0000-0000'))).code, 'claim_code_wrong');
  }
  assert.equal((await refusal(claimWith(users, code))).code, 'claim_locked');
  const next = await users.openClaim();
  assert.ok(next);
  await claimWith(users, next);
});

test('a hundred wrong codes at once are ten guesses', async (t) => {
  const { users } = await start(t);
  const codes = await Promise.all(Array.from({ length: 100 }, async () => (await refusal(claimWith(users, 'WRNG'))).code));
  assert.equal(codes.filter((code) => code === 'claim_code_wrong').length, 10);
});

test('a code is worth 30 minutes', async (t) => {
  const { users, code, clock } = await start(t);
  clock.advance(30 * 60_000);
  assert.equal((await refusal(claimWith(users, code))).code, 'claim_code_expired');
});

test('two people with the code at once make one admin', async (t) => {
  const { users, code, store } = await start(t);
  const results = await Promise.allSettled([claimWith(users, code), claimWith(users, code)]);
  assert.deepEqual(results.map(({ status }) => status).sort(), ['fulfilled', 'rejected']);
  assert.equal(await store.read((tx) => tx.users.count()), 1);
});

for (const weak of ['short', 'Password123', '1111111111', 'abcdefghijkl', 'annaanna12', 'aaaaabbbbb']) {
  test(`the password ${weak} is refused`, async (t) => {
    const { users, code } = await start(t);
    assert.equal((await refusal(users.claim({ code, name: 'Anna', password: weak }, caller))).code, 'password_weak');
    await claimWith(users, code);
  });
}

test('logging in takes name and password, and tells nobody which one was wrong', async (t) => {
  const { users, admin } = await startClaimed(t);
  const { secret } = await users.logIn({ name: ' ANNA ', password }, caller);
  assert.notEqual(secret, admin.secret);
  const wrong = await refusal(users.logIn({ name: 'Anna', password: 'another boat' }, caller));
  const unknown = await refusal(users.logIn({ name: 'Otto', password }, caller));
  assert.deepEqual([wrong.code, wrong.message], [unknown.code, unknown.message]);
});

test('an unknown name takes as long as a wrong password', async (t) => {
  const { users } = await startClaimed(t, { secrets: createSecrets() });
  const time = async (name: string) => {
    const begin = performance.now();
    await refusal(users.logIn({ name, password: 'another boat' }, { ...caller, address: name }));
    return performance.now() - begin;
  };
  const known = [await time('Anna'), await time('Anna'), await time('Anna')];
  const unknown = [await time('Otto'), await time('Emil'), await time('Paul')];
  // A skipped hash would be a hundred times faster; the rest is the noise of a busy machine.
  assert.ok(Math.min(...unknown) > Math.min(...known) / 3, `${unknown} against ${known}`);
});

test('nobody logs in as the user who waits for the claim', async (t) => {
  const { users } = await start(t);
  for (const empty of ['', 'bootstrap']) {
    assert.equal((await refusal(users.logIn({ name: 'bootstrap', password: empty }, caller))).code, 'login_failed');
  }
});

test('wrong passwords make an account wait longer each time, and the right one then opens it', async (t) => {
  const { users, clock } = await startClaimed(t);
  const guess = (address: string) => refusal(users.logIn({ name: 'Anna', password: 'another boat' }, { ...caller, address }));
  for (let count = 0; count < 6; count++) assert.equal((await guess(`192.0.2.${count}`)).code, 'login_failed');
  const first = await guess('192.0.2.99');
  assert.deepEqual([first.code, first.retryAfterMs], ['too_many_guesses', 1000]);
  clock.advance(1000);
  assert.equal((await guess('192.0.2.98')).code, 'login_failed');
  assert.equal((await guess('192.0.2.97')).retryAfterMs, 2000);
  clock.advance(2000);
  await users.logIn({ name: 'Anna', password }, caller);
  await users.logIn({ name: 'Anna', password }, caller);
});

test('one address that tries many names has to wait too', async (t) => {
  const { users } = await startClaimed(t);
  const codes: string[] = [];
  for (let count = 0; count < 23; count++) {
    codes.push((await refusal(users.logIn({ name: `name ${count}`, password: 'another boat' }, caller))).code);
  }
  assert.deepEqual([codes[20], codes[21], codes[22]], ['login_failed', 'too_many_guesses', 'too_many_guesses']);
});

test('a session ends after 14 idle days, and after 90 days however busy it was', async (t) => {
  const { users, clock, admin } = await startClaimed(t);
  const idle = await users.logIn({ name: 'Anna', password }, caller);
  for (let day = 0; day < 89; day++) {
    assert.equal((await users.actorOfSession(admin.secret)).kind, 'session', `day ${day}`);
    clock.advance(dayMs);
    if (day === 13) assert.equal((await users.actorOfSession(idle.secret)).kind, 'anonymous');
  }
  clock.advance(dayMs);
  assert.equal((await users.actorOfSession(admin.secret)).kind, 'anonymous');
});

test('logging out ends the session and says so', async (t) => {
  const { users, admin } = await startClaimed(t);
  const actor = await users.actorOfSession(admin.secret);
  const revoked: string[] = [];
  users.onRevoked((id) => revoked.push(id));
  await users.logOut(admin.secret);
  await users.logOut(admin.secret);
  assert.deepEqual(revoked, [actor.credentialId]);
  assert.equal(await users.isCurrent(actor), false);
  assert.deepEqual(await users.actorOfSession(admin.secret), anonymous);
});

test('a token acts within its scopes until it expires or is revoked', async (t) => {
  const { users, clock, admin } = await startClaimed(t);
  const { token, secret } = await users.addToken(admin.user.id, { name: 'cli', scopes: ['downloads:read'], expiresInDays: 2 });
  assert.match(secret, /^fl_[0-9A-Za-z]{49}$/);
  const actor = await users.actorOfToken(secret);
  assert.deepEqual(actor, {
    kind: 'token',
    userId: admin.user.id,
    role: 'admin',
    scopes: ['downloads:read'],
    credentialId: token.id,
  });
  assert.equal((await users.tokensOf(admin.user.id))[0]?.usedAtMs, clock.now());
  clock.advance(2 * dayMs);
  assert.deepEqual(await users.actorOfToken(secret), anonymous);
  assert.equal(await users.isCurrent(actor), false);

  const other = await users.addToken(admin.user.id, { name: 'other', scopes: ['admin'] });
  assert.equal(other.token.expiresAtMs, clock.now() + 365 * dayMs);
  assert.equal(await users.removeToken('somebody else', other.token.id), false);
  assert.equal(await users.removeToken(admin.user.id, other.token.id), true);
  assert.deepEqual(await users.actorOfToken(other.secret), anonymous);
});

test('a mistyped token is refused by its checksum', async (t) => {
  const { users, admin } = await startClaimed(t);
  const { secret } = await users.addToken(admin.user.id, { name: 'cli', scopes: ['admin'] });
  const wrong = secret.slice(0, 10) + (secret[10] === 'a' ? 'b' : 'a') + secret.slice(11);
  assert.deepEqual(await users.actorOfToken(wrong), anonymous);
});

test('what the bootstrap token adds before the claim is the later admin’s, tokens too', async (t) => {
  const { users, code } = await start(t, { bootstrapToken: 'let me in, I am the machine' });
  const before = await users.actorOfToken('let me in, I am the machine');
  assert.deepEqual([before.kind, before.role], ['bootstrap', 'admin']);
  const { secret } = await users.addToken(before.userId as string, { name: 'script', scopes: ['downloads:write'] });
  const { user } = await claimWith(users, code);
  assert.equal(user.id, before.userId);
  assert.equal((await users.actorOfToken('let me in, I am the machine')).userId, user.id);
  assert.equal((await users.actorOfToken(secret)).userId, user.id);
  assert.deepEqual(await users.actorOfToken('let me in'), anonymous);
});

test('without a bootstrap token the empty one is nobody’s', async (t) => {
  const { users } = await start(t, { bootstrapToken: '' });
  assert.deepEqual(await users.actorOfToken(''), anonymous);
});

test('the database file holds no secret', async (t) => {
  const folder = tempFolder(t);
  const { users, code, store, admin } = await startClaimed(t, {
    path: join(folder, 'flotilla.db'),
    bootstrapToken: 'boot-secret',
  });
  const { secret } = await users.addToken(admin.user.id, { name: 'cli', scopes: ['admin'] });
  const bytes = (await flushed(store, folder)).toString('latin1');
  assert.ok(bytes.includes('Anna'), 'the file was read before it was written');
  for (const [name, text] of Object.entries({
    code,
    password,
    session: admin.secret,
    token: secret,
    bootstrap: 'boot-secret',
  })) {
    assert.ok(!bytes.includes(text), `${name} is in the database`);
    assert.ok(!bytes.includes(Buffer.from(text).toString('base64')), `${name} is in the database as base64`);
  }
});

async function flushed(store: Store, folder: string): Promise<Buffer> {
  await store.close();
  return Buffer.concat(readdirSync(folder).map((name) => readFileSync(join(folder, name))));
}

for (const [address, guesser] of [
  ['192.0.2.1', '192.0.2.1'],
  ['::ffff:192.0.2.1', '192.0.2.1'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2'],
  ['2001:db8:1:2::9', '2001:db8:1:2'],
  ['2001:db8::9', '2001:db8:0:0'],
  ['fe80::1%eth0', 'fe80:0:0:0'],
  ['::1', '0:0:0:0'],
] as const) {
  test(`guesses from ${address} count for ${guesser}`, () => assert.equal(guesserOf(address), guesser));
}
