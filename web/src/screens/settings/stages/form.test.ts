import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Stage } from '../../../types.ts';
import { toForm, toStage } from './form.ts';

const whole: Stage = {
  name: 'Browser',
  host: '*.example.org',
  kind: 'http',
  attempts: 3,
  connections: 4,
  labels: ['geo:fr', 'vpn'],
  request: {
    userAgent: 'Browser/1',
    referer: 'https://example.org/',
    headers: [
      { name: 'X-Key', value: '***' },
      { name: 'Accept', value: 'a: b' },
    ],
    cookies: '***',
    proxy: 'http://anna:***@proxy.example:3128/',
    localAddress: '192.168.1.5',
    family: 4,
  },
  parameters: { quality: '1080p', chapters: true, peers: 5 },
};

test('a stage that is opened and saved is the same, with what is hidden in it', () => {
  assert.deepEqual(toStage(toForm(whole)), whole);
  const plain: Stage = { ...whole, kind: null, connections: null, labels: [], request: {} };
  delete plain.parameters;
  assert.deepEqual(toStage(toForm(plain)), plain);
});

test('a line that is no header or no parameter is none', () => {
  assert.equal(toStage({ ...toForm(whole), headers: 'nothing' }), null);
  assert.equal(toStage({ ...toForm(whole), parameters: 'quality=720p\nnothing' }), null);
});
