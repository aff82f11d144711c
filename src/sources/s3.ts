import { lateHands } from '#core/late-source.ts';
import { defineSource } from '#core/source.ts';

/** Objects of Amazon S3 and of what speaks the same. They come over the same lanes as any file over HTTP. */
export const s3 = defineSource({
  kind: 's3',
  schemes: ['s3:'],
  ...lateHands(async () => (await import('#wire/s3-session.ts')).s3Hands),
});
