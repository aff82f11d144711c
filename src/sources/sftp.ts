import { lateHands } from '#core/late-source.ts';
import { defineSource } from '#core/source.ts';

/** Files over SSH (draft-ietf-secsh-filexfer-02). Links of scp name the same files, and come over SFTP too. */
export const sftp = defineSource({
  kind: 'sftp',
  schemes: ['sftp:', 'scp:'],
  ...lateHands(async () => (await import('#wire/sftp-session.ts')).sftpHands),
});
