import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { tempFolder } from '#testing/temp.ts';
import { argumentsOf, type Option, optionNames, writeOptions } from './options.ts';

/** Splits files into words as yt-dlp does it, which is Python. */
const splitter = `
import json, shlex, sys
texts = json.load(open(sys.argv[1]))
print(json.dumps([shlex.split(text, comments=True) for text in texts]))
`;

/** What people and pages put where it hurts. */
const nasty = fc.oneof(
  fc.string({ maxLength: 60, unit: 'binary' }),
  fc.constantFrom(
    '--exec=touch /tmp/x',
    "' --exec 'touch x",
    "'\n--exec\ntouch x\n'",
    '# --exec',
    '\\',
    '"',
    "'",
    "\\' --config-locations=/etc/passwd",
    '$(id)',
    '`id`',
    '-',
    '--',
    '',
    '\r\n--netrc-cmd=id',
    '\u2028--exec=x',
  ),
);

test('whatever a value is, no other option comes out of it', (t) => {
  const options = fc.array(fc.tuple(fc.constantFrom(...optionNames), nasty), { maxLength: 8 });
  const samples = fc.sample(options, { numRuns: 2000, seed: 20_261_121 });
  const path = join(tempFolder(t), 'texts.json');
  writeFileSync(path, JSON.stringify(samples.map((sample) => writeOptions(sample))));
  const split = JSON.parse(execFileSync('/usr/bin/python3', ['-c', splitter, path], { encoding: 'utf8', maxBuffer: 2 ** 28 }));
  const clean = (value: string) => value.toWellFormed().replaceAll('\0', '');
  const expected = samples.map((sample) => sample.map(([name, value]) => `--${name}=${clean(value)}`));
  assert.deepEqual(split, expected);
});

test('the arguments are the same for everybody, but for the path of the file', () => {
  assert.deepEqual(argumentsOf('/folder/options'), ['--ignore-config', '--config-locations', '/folder/options']);
});

test('an option that is a switch has no value', () => {
  const options: Option[] = [['no-playlist'], ['format', '22']];
  assert.match(writeOptions(options), /^--no-playlist$\n^--format='22'$/m);
});

test('nothing that runs commands, reads configurations or passwords of the system can be said', () => {
  const dangerous =
    /exec|netrc|config|plugin|enable|cookies-from|downloader-path|alias|update|load-info|print-to-file|paths|batch-file-/;
  assert.deepEqual(
    optionNames.filter((name) => dangerous.test(name)),
    [],
  );
});
