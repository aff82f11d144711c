import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Access, type Actor, anonymous, can, scopes } from './access.ts';

const actions: Access[] = ['public', ...scopes];
const userMay = ['downloads:read', 'downloads:write', 'files:read', 'settings:read'];

function actor(kind: Actor['kind'], role: Actor['role'], held: Actor['scopes'] = []): Actor {
  return { kind, userId: 'u1', role, scopes: held, credentialId: 'c1' };
}

/** Everything the actor may do, and nothing else. */
function checkRights(who: Actor, expected: readonly string[]): void {
  assert.deepEqual(actions.filter((action) => can(who, action)).sort(), [...expected].sort());
}

test('a stranger gets what is public and nothing else', () => checkRights(anonymous, ['public']));
test('an admin with a session may do everything', () => checkRights(actor('session', 'admin'), actions));
test('the bootstrap token may do what an admin may', () => checkRights(actor('bootstrap', 'admin', ['admin']), actions));
test('a user may use the instance but not change it', () => checkRights(actor('session', 'user'), ['public', ...userMay]));
test('a token with the scope admin may do everything its admin may', () =>
  checkRights(actor('token', 'admin', ['admin']), actions));
test('a token with the scope admin gives a user no more than they have', () =>
  checkRights(actor('token', 'user', ['admin']), ['public', ...userMay]));
test('a token without scopes gets what is public', () => checkRights(actor('token', 'admin'), ['public']));

for (const scope of scopes.filter((scope) => scope !== 'admin')) {
  test(`a token with only ${scope} may do only that`, () => checkRights(actor('token', 'admin', [scope]), ['public', scope]));
}

test('nobody acts on what another user owns, not even an admin', () => {
  for (const action of actions) {
    assert.equal(can(actor('session', 'admin'), action, { ownerId: 'u2' }), false);
    assert.equal(can(actor('session', 'admin'), action, { ownerId: 'u1' }), true);
  }
});
