import assert from 'node:assert/strict';
import { test } from 'node:test';
import { linkOf, type Place, readPlace } from './place.ts';

function read(link: string): Place {
  const { pathname, search } = new URL(link, 'http://flotilla.test');
  return JSON.parse(JSON.stringify(readPlace(pathname, search)));
}

const places: Place[] = [
  { screen: 'downloads', search: {} },
  { screen: 'downloads', search: { filter: 'failed', q: 'a&b=ü 2026', sort: 'speed', dir: 'up', id: '018f', tab: 'pieces' } },
  { screen: 'download', id: 'a/b c', tab: 'files' },
  { screen: 'history' },
  { screen: 'history', q: '2026' },
  { screen: 'stats', period: '7d' },
  { screen: 'stats', period: 'all' },
  { screen: 'workers' },
  { screen: 'workers', id: '018f' },
  { screen: 'settings', page: 'tokens' },
];
for (const place of places)
  test(`${linkOf(place)} leads back to its place`, () => assert.deepEqual(read(linkOf(place)), place));

const others: [string, Place][] = [
  ['/?filter=nonsense&sort=__proto__&unknown=1', { screen: 'downloads', search: {} }],
  ['/settings', { screen: 'settings', page: 'general' }],
  ['/settings/', { screen: 'settings', page: 'general' }],
  ['/settings/nonsense', { screen: 'unknown' }],
  ['/downloads', { screen: 'unknown' }],
  ['/downloads/%E0%A4%A', { screen: 'download', id: '%E0%A4%A' }],
  ['/stats?period=nonsense', { screen: 'stats', period: '7d' }],
  ['/history/1', { screen: 'unknown' }],
];
for (const [link, place] of others) test(`${link} is ${place.screen}`, () => assert.deepEqual(read(link), place));
