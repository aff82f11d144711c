import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { settingsOfFlags, settingsOfPerson, settingsOfSources } from './source-settings.ts';

test('a user who is a mere number has no name to log in with, and no home', () => {
  const { HOME: home } = process.env;
  const isRoot = process.getuid?.() === 0;
  delete process.env.HOME;
  // Only root may become somebody whom the system does not know.
  if (isRoot) process.seteuid?.(54_321);
  try {
    const { sftp } = settingsOfPerson({});
    assert.equal(sftp?.user, isRoot ? undefined : userInfo().username);
    if (isRoot) assert.equal(sftp?.otherKnownHosts, '/.ssh/known_hosts');
  } finally {
    if (isRoot) process.seteuid?.(0);
    if (home !== undefined) process.env.HOME = home;
  }
});

test('a setting is what was given, before what the environment says, before what is usual', async () => {
  const env = { FLOTILLA_SFTP_NEW_HOSTS: 'refuse', FLOTILLA_SFTP_AGENT: '/from/environment', FLOTILLA_TORRENT_PORT: '6881' };
  const usual = { sftp: { knownHosts: '/usual', agent: '/usual' }, other: { told: 'as it is' } };
  const settings = await settingsOfSources(settingsOfFlags(['sftp.agent=/given']), env, usual);
  assert.deepEqual(settings, {
    sftp: { knownHosts: '/usual', agent: '/given', newHosts: 'refuse' },
    torrent: { port: 6881 },
    other: { told: 'as it is' },
  });
});

for (const [flags, env, message] of [
  [['s3.endpoint=ftp://x'], {}, /^The setting s3\.endpoint makes no sense: /],
  [[], { FLOTILLA_TORRENT_PORT: 'high' }, /^The setting torrent\.port makes no sense: /],
  [['http.port=80'], {}, /^No source of the kind http has settings\.$/],
  [['gopher.port=70'], {}, /^No source of the kind gopher has settings\.$/],
] as const) {
  test(`${JSON.stringify(flags.length > 0 ? flags : env)} is refused`, async () => {
    await assert.rejects(settingsOfSources(settingsOfFlags([...flags]), env, {}), { code: 'link_invalid', message });
  });
}
