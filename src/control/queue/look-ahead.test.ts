/** What a claim looks for before it has read a task. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noUserLimits } from '#core/store.ts';
import { accountOf, createFairness } from './fairness.ts';
import { anyWorker, onlyWorker, queueName, rangesOf } from './queues.ts';

const user = (id: string, weight: number) => {
  return { id, name: id, role: 'user' as const, passwordHash: '', createdAtMs: 1, ...noUserLimits, weight };
};

test('turns are foretold as they are given: by weight and what runs, up to the most of each, and nobody is charged', () => {
  const shares = [{ account: accountOf('fetch', 'bert'), virtualTime: 0.5 }];
  const fairness = createFairness('fetch', shares, [user('anna', 2), user('bert', 1), user('carl', 1)]);
  const running = new Map([['carl', 3]]);
  const runningOf = (ownerId: string) => running.get(ownerId) ?? 0;
  const owners = ['anna', 'bert', 'carl'];
  const mostOf = (ownerId: string) => (ownerId === 'bert' ? 2 : 9);
  const foretold = fairness.turns(owners, runningOf, mostOf, 8);
  assert.deepEqual(fairness.changed(), []);

  const given = new Map<string, number>();
  for (let turn = 0; turn < 8; turn++) {
    const open = owners.filter((ownerId) => runningOf(ownerId) < mostOf(ownerId));
    const next = fairness.next(open, runningOf) ?? '';
    fairness.charge(next);
    running.set(next, runningOf(next) + 1);
    given.set(next, (given.get(next) ?? 0) + 1);
  }
  assert.deepEqual(Object.fromEntries(foretold), Object.fromEntries(given));
  assert.equal(foretold.get('bert'), 2);
  assert.deepEqual(
    fairness.turns(['bert'], () => 2, mostOf, 8),
    new Map(),
  );
});

test('a claim steps over the queues of other workers, however many there are, and over no other', () => {
  const isIn = (name: string, kind: 'fetch' | 'deliver', workerIds: string[]) =>
    rangesOf(kind, workerIds).filter(({ from, to }) => name >= from && name < to).length;
  const [own, other] = ['01900000-0000-7000-8000-000000000001', '01900000-0000-7000-8000-000000000002'];
  for (const who of [anyWorker(null, []), anyWorker('https:', []), anyWorker('ftp:', ['geo:fr', 'vpn']), onlyWorker(own)]) {
    assert.equal(isIn(queueName('fetch', who, 'anna'), 'fetch', [own]), 1, who);
    assert.equal(isIn(queueName('fetch', who, ''), 'fetch', [own]), 1, who);
    assert.equal(isIn(queueName('fetch', who, 'anna'), 'deliver', [own]), 0, who);
  }
  assert.equal(isIn(queueName('deliver', onlyWorker(other), 'anna'), 'deliver', [own]), 0);
  const many = Array.from({ length: 40 }, (_, index) => `worker-${index}`);
  for (const id of many) assert.equal(isIn(queueName('deliver', onlyWorker(id), 'anna'), 'deliver', many), 1);
});
