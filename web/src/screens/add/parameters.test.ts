import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import { parametersOf, shownValue, spell, suggestionsFor, toParameters } from './parameters.ts';

const schema = z.toJSONSchema(
  z.strictObject({
    quality: z.enum(['best', 'audio']).default('best').describe('How good.'),
    chapters: z.boolean().default(true).describe('With marks.'),
    retries: z.int().min(1).max(9).default(3),
    share: z.number().nullable().default(null).describe('Or none.'),
    format: z.string().max(100).optional(),
    key: z.string().max(20_000).optional(),
    languages: z.array(z.string()).default(['en', 'fr']),
    odd: z.record(z.string(), z.unknown()).optional(),
  }),
  { io: 'input' },
);
const parameters = parametersOf(schema);

test('each choice that can be shown is a field with its help and its standard', () => {
  assert.deepEqual(
    parameters.map(({ name, help, field, standard }) => [name, help, field.kind, standard]),
    [
      ['quality', 'How good.', 'choice', 'best'],
      ['chapters', 'With marks.', 'switch', true],
      ['retries', '', 'number', 3],
      ['share', 'Or none.', 'number', null],
      ['format', '', 'text', null],
      ['key', '', 'text', null],
      ['languages', '', 'list', ['en', 'fr']],
    ],
  );
  assert.deepEqual(
    parameters.map((parameter) => shownValue(parameter, { retries: '5' })),
    ['best', true, '5', '', '', '', 'en, fr'],
  );
  assert.deepEqual(parametersOf(undefined), []);
});

test('what was changed is sent, and what is as it was is not', () => {
  assert.equal(toParameters(parameters, {}), undefined);
  assert.equal(
    toParameters(parameters, { quality: 'best', chapters: true, retries: '3', languages: 'en fr', format: ' ' }),
    undefined,
  );
  assert.deepEqual(
    toParameters(parameters, { quality: 'audio', chapters: false, retries: '4', share: '0.5', format: 'a b', languages: '' }),
    { quality: 'audio', chapters: false, retries: 4, share: 0.5, format: 'a b', languages: [] },
  );
});

test('a number that is none, or beyond its limits, is noticed before it is sent', () => {
  for (const retries of ['x', '0', '10', '2.5']) assert.equal(toParameters(parameters, { retries }), null);
});

test('names of the code become words', () => {
  assert.deepEqual(['audioOnly', 'peer-exchange', 'tls'].map(spell), ['Audio only', 'Peer exchange', 'Tls']);
});

test('what the source found may be chosen where it fits', () => {
  const details = {
    formats: [{ id: '137', extension: 'mp4', width: 1920, height: 1080, videoCodec: 'avc1', audioCodec: null }, { no: 'id' }],
    subtitles: ['en', 'fr'],
    title: 'x',
  };
  assert.deepEqual(suggestionsFor('format', details), [{ value: '137', about: 'mp4 · 1920×1080 · avc1' }]);
  assert.deepEqual(
    suggestionsFor('subtitles', details).map(({ value }) => value),
    ['en', 'fr'],
  );
  assert.deepEqual(suggestionsFor('title', details), []);
  assert.deepEqual(suggestionsFor('format', undefined), []);
});
