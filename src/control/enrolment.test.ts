import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFakeRandom } from '#testing/fake-random.ts';
import type { Scope } from '#testing/temp.ts';
import { createSecrets } from '#wire/secrets.ts';
import { createEnrolment, newWorkerKey } from './enrolment.ts';
import { startControl } from './testing/start-control.ts';

async function start(t: Scope) {
  const under = await startControl(t);
  const random = createFakeRandom(11);
  const secrets = createSecrets();
  const enrolment = createEnrolment({ store: under.store, clock: under.clock, random, secrets });
  return { ...under, enrolment, newKey: () => newWorkerKey(random, secrets) };
}

const minuteMs = 60_000;

test('a machine trades a one-time key for its own, which proves the worker that the invitation named', async (t) => {
  const { enrolment, newKey } = await start(t);
  const invitation = await enrolment.invite();
  const secret = newKey();
  assert.equal((await enrolment.actorOfKey(secret)).kind, 'anonymous');
  assert.deepEqual(await enrolment.enrol({ key: invitation.key, secret }), { workerId: invitation.workerId });
  const actor = await enrolment.actorOfKey(secret);
  assert.deepEqual([actor.kind, actor.credentialId, actor.userId], ['worker', invitation.workerId, null]);
  assert.equal((await enrolment.actorOfKey(invitation.key)).kind, 'anonymous', 'the one-time key proves nobody');
});

test('a machine that heard no answer may ask again, and nobody else with that key', async (t) => {
  const { enrolment, newKey } = await start(t);
  const { key, workerId } = await enrolment.invite();
  const secret = newKey();
  await enrolment.enrol({ key, secret });
  assert.deepEqual(await enrolment.enrol({ key, secret }), { workerId });
  await assert.rejects(enrolment.enrol({ key, secret: newKey() }), { code: 'join_key_used', message: /Add worker/ });
  const other = await enrolment.invite();
  await assert.rejects(enrolment.enrol({ key: other.key, secret }), { code: 'join_key_used' });
});

test('a one-time key ends after 15 minutes, and a day later it is not known any more', async (t) => {
  const { enrolment, newKey, pass } = await start(t);
  const { key } = await enrolment.invite();
  await pass(15 * minuteMs);
  await assert.rejects(enrolment.enrol({ key, secret: newKey() }), { code: 'join_key_expired' });
  await pass(25 * 60 * minuteMs);
  await enrolment.invite();
  await assert.rejects(enrolment.enrol({ key, secret: newKey() }), { code: 'join_key_wrong' });
});

test('what was mistyped is no key', async (t) => {
  const { enrolment, newKey } = await start(t);
  const { key } = await enrolment.invite();
  for (const wrong of ['', `${key}0`, key.replace('fj_', 'fl_'), newKey()]) {
    await assert.rejects(enrolment.enrol({ key: wrong, secret: newKey() }), { code: 'join_key_wrong' });
  }
});

test('neither of the two keys is in the database', async (t) => {
  const { enrolment, newKey, store } = await start(t);
  const { key, workerId } = await enrolment.invite();
  const secret = newKey();
  await enrolment.enrol({ key, secret });
  const row = await store.read((tx) => tx.workerKeys.get(workerId));
  assert.doesNotMatch(JSON.stringify(row), new RegExp(`${key}|${secret}`));
});
