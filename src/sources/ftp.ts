import { lateHands } from '#core/late-source.ts';
import { defineSource } from '#core/source.ts';

/** Files and folders over FTP (RFC 959, RFC 3659), with TLS too (RFC 4217). */
export const ftp = defineSource({
  kind: 'ftp',
  schemes: ['ftp:', 'ftps:', 'ftpes:'],
  ...lateHands(async () => (await import('#wire/ftp-session.ts')).ftpHands),
});
