import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ErrorCode, Failure, Retry } from '#core/errors.ts';
import type { Climb, Rung } from '#core/stage.ts';
import fc from '#testing/fast-check.ts';
import { currentRung, decide, type Situation } from './ladder.ts';

const day = 24 * 60 * 60_000;
const failureOf = (change: Partial<Failure> = {}): Failure => ({
  code: 'connection_lost',
  message: 'The connection broke.',
  retry: 'later',
  retryAfterMs: null,
  ...change,
});
const ladder: Rung[] = [
  { name: 'A', attempts: 2 },
  { name: 'B', attempts: 3 },
  { name: 'C', attempts: 1 },
];
const at = (change: Partial<Situation> = {}): Situation => ({
  ladder,
  climb: null,
  tries: 1,
  failure: failureOf(),
  chance: 0.5,
  nowMs: 0,
  ...change,
});

test('a passing fault is repeated on its stage until its attempts are used up, then the next stage has its turn', () => {
  assert.equal(decide(at()).kind, 'wait');
  const next = decide(at({ tries: 2 }));
  assert.deepEqual(next, {
    kind: 'climb',
    to: 'B',
    tried: [{ stage: 'A', tries: 2, message: 'The connection broke.' }],
    message: 'The connection broke. Stage A is given up after 2 tries; the next is B.',
  });
});

test('what is better elsewhere goes to the next stage at once, and is repeated where there is none', () => {
  const failure = failureOf({ code: 'range_ignored', retry: 'elsewhere' });
  assert.equal(decide(at({ failure })).kind, 'climb');
  const alone = [{ name: 'A', attempts: 2 }];
  assert.equal(decide(at({ failure, ladder: alone })).kind, 'wait');
  assert.equal(decide(at({ failure, ladder: alone, tries: 2 })).kind, 'fail');
});

test('a refusal of how we asked goes to the next stage; what no stage can heal fails at once', () => {
  const refused = failureOf({ code: 'auth_required', retry: 'never', message: 'The server refuses it (403).' });
  assert.equal(decide(at({ failure: refused })).kind, 'climb');
  assert.equal(decide(at({ failure: refused, ladder: [{ name: 'A', attempts: 9 }] })).kind, 'fail');
  for (const code of ['not_found', 'checksum_mismatch', 'address_refused', 'too_large'] as const) {
    const failure = failureOf({ code, retry: 'never', message: 'Gone.' });
    assert.deepEqual(decide(at({ failure })), { kind: 'fail', isOfStage: false, message: 'Gone.' });
  }
});

test('above the last stage it fails, and tells what each of them said', () => {
  const climb: Climb = {
    stage: 'C',
    tried: [
      { stage: 'A', tries: 2, message: 'Too slow.' },
      { stage: 'B', tries: 1, message: 'Refused (403).' },
    ],
  };
  assert.deepEqual(decide(at({ climb })), {
    kind: 'fail',
    isOfStage: true,
    message: 'No stage could fetch it. A, 2 tries: Too slow. B, one try: Refused (403). C, one try: The connection broke.',
  });
});

test('whoever begins further up has what is below still before them', () => {
  const failure = failureOf({ retry: 'elsewhere' });
  const first = decide(at({ climb: { stage: 'C', tried: [] }, failure }));
  assert.equal(first.kind === 'climb' && first.to, 'A');
  const second = decide(at({ climb: first.kind === 'climb' ? { stage: first.to, tried: first.tried } : null, failure }));
  assert.equal(second.kind === 'climb' && second.to, 'B');
});

test('a longer wait is obeyed; a very long one is another stage, or a time', () => {
  const asks = (retryAfterMs: number, change: Partial<Situation> = {}) =>
    decide(at({ failure: failureOf({ code: 'busy', message: 'Busy.', retryAfterMs }), ...change }));
  assert.deepEqual(asks(120_000), { kind: 'wait', waitMs: 120_000, message: 'Busy. Trying again in 2 minutes.' });
  assert.equal(asks(3_600_000).kind, 'climb');
  const alone = { ladder: [{ name: 'A', attempts: 5 }] };
  assert.deepEqual(asks(3_600_000, alone), {
    kind: 'wait',
    waitMs: 3_600_000,
    message: 'Busy. Trying again in 60 minutes, at 1970-01-01 01:00 UTC, as the server asks.',
  });
  const longest = asks(1000 * day, alone);
  assert.equal(longest.kind === 'wait' && longest.waitMs, day);
});

const retries: Retry[] = ['never', 'later', 'elsewhere'];
const codes: ErrorCode[] = ['connection_lost', 'busy', 'auth_required', 'refused', 'not_found', 'stalled', 'internal'];
const anyFailure = fc.record({
  code: fc.constantFrom(...codes),
  message: fc.constant('It failed.'),
  retry: fc.constantFrom(...retries),
  retryAfterMs: fc.option(fc.nat(3 * day)),
});
const anyLadder = fc.uniqueArray(fc.record({ name: fc.string({ minLength: 1 }), attempts: fc.integer({ min: 1, max: 5 }) }), {
  selector: ({ name }) => name,
  minLength: 1,
  maxLength: 6,
});

test('whatever happens, a climb ends: no stage is stood on twice, and none has more tries than it is given', () => {
  const inputs = [
    anyLadder,
    fc.nat(5),
    fc.array(anyFailure, { minLength: 40, maxLength: 40 }),
    fc.double({ min: 0, max: 1, noNaN: true }),
  ] as const;
  fc.assert(
    fc.property(...inputs, (rungs, start, failures, chance) => {
      let climb: Climb | null = start === 0 ? null : { stage: (rungs[start % rungs.length] as Rung).name, tried: [] };
      let tries = 0;
      const stood = new Set<string>();
      for (const failure of failures) {
        tries++;
        const here = currentRung(rungs, climb);
        stood.add(here.name);
        assert.ok(tries <= here.attempts);
        const decision = decide({ ladder: rungs, climb, tries, failure, chance, nowMs: 0 });
        if (decision.kind === 'fail') {
          const isHealable = failure.retry !== 'never' || ['auth_required', 'refused'].includes(failure.code);
          assert.equal(isHealable, decision.isOfStage);
          if (isHealable) assert.equal(stood.size, rungs.length, 'every stage had its turn');
          return;
        }
        if (decision.kind === 'wait') {
          assert.notEqual(failure.retry, 'never');
          assert.ok(decision.waitMs >= 1500 && decision.waitMs <= day);
          assert.ok(decision.waitMs >= Math.min(failure.retryAfterMs ?? 0, day));
          continue;
        }
        assert.ok(!stood.has(decision.to), 'a stage has one turn');
        climb = { stage: decision.to, tried: decision.tried };
        tries = 0;
      }
      assert.fail('it went on for ever');
    }),
    { numRuns: 2000 },
  );
});
