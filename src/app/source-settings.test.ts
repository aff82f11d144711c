import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { settingsOfPerson } from './source-settings.ts';

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
