import type { SourceContext } from '#core/source.ts';
import { createShared } from '#wire/shared.ts';

/** For sources that are told nothing of the machine and share nothing. */
export const noServices: Pick<SourceContext, 'settings' | 'shared' | 'searchPath' | 'netAllow'> = {
  settings: {},
  shared: createShared(),
  searchPath: '/usr/local/bin:/usr/bin:/bin',
  netAllow: ['127.0.0.0/8'],
};
