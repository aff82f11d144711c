import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostOf, isHostPattern, ruleFor } from './limits.ts';

const rules = ['cdn.example.org', '*.example.org', '10.0.0.7', '[::1]', '*'].map((host) => ({ host }));

const cases: [host: string, rule: string][] = [
  ['cdn.example.org', 'cdn.example.org'],
  ['example.org', '*.example.org'],
  ['a.b.example.org', '*.example.org'],
  ['notexample.org', '*'],
  ['10.0.0.7', '10.0.0.7'],
  ['[::1]', '[::1]'],
];
for (const [host, rule] of cases) test(`${host} has the rule ${rule}`, () => assert.equal(ruleFor(host, rules)?.host, rule));

test('a host that no rule fits has none', () => assert.equal(ruleFor('else.where', rules.slice(0, 4)), null));

for (const text of ['example.org', '*.example.org', '*', '127.0.0.1', '[::1]', 'localhost', 'xn--bcher-kva.example'])
  test(`${text} may be in a rule`, () => assert.ok(isHostPattern(text)));

for (const text of [
  '',
  'Example.org',
  'a.*.org',
  '*example.org',
  '*.',
  'example.org:80',
  'http://a',
  'a/b',
  'a b',
  'a@b',
  '**',
])
  test(`"${text}" may not be in a rule`, () => assert.ok(!isHostPattern(text)));

test('the host of a link is without port and login', () => {
  assert.equal(hostOf('https://anna:secret@Example.org:8443/x'), 'example.org');
  assert.equal(hostOf('nonsense'), '');
});
