import { after } from 'node:test';
import type { Scope } from './temp.ts';

/** Of all tests of a suite. To be called within `describe`. */
export function suiteScope(): Scope {
  const releases: (() => unknown)[] = [];
  after(async () => {
    for (const release of releases.reverse()) await release();
  });
  return { after: (release) => void releases.push(release) };
}
