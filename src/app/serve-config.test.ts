import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Scope, tempFolder } from '#testing/temp.ts';
import { serveConfig } from './serve-config.ts';
import { workerConfig } from './worker-config.ts';

/** The environment that names a configuration file with this text. */
function withFile(t: Scope, text: string, more: Record<string, string> = {}) {
  const path = join(tempFolder(t), 'flotilla.yaml');
  writeFileSync(path, text);
  return { FLOTILLA_CONFIG: path, ...more };
}

test('a flag comes before the environment, which comes before the file, which comes before the default', (t) => {
  const env = withFile(t, 'port: 1\nhost: file.example\nnetAllow: [10.0.0.0/8]\n', {
    FLOTILLA_PORT: '2',
    FLOTILLA_HOST: 'env.example',
  });
  const options = serveConfig({ port: 3 }, env);
  assert.deepEqual(
    [options.port, options.host, options.netAllow, options.allowedHosts],
    [3, 'env.example', ['10.0.0.0/8'], []],
  );
  assert.equal(serveConfig({}, env).port, 2);
  assert.equal(serveConfig({}, withFile(t, '')).port, 3568);
});

test('lists are separated by commas in flags and variables', (t) => {
  const env = withFile(t, '', { FLOTILLA_ALLOWED_HOSTS: 'a.example, b.example' });
  const { allowedHosts, netAllow } = serveConfig({ netAllow: '127.0.0.0/8,fd00::/8' }, env);
  assert.deepEqual(
    [allowedHosts, netAllow],
    [
      ['a.example', 'b.example'],
      ['127.0.0.0/8', 'fd00::/8'],
    ],
  );
});

test('scratch is in the data folder unless it has its own', (t) => {
  const env = withFile(t, 'scratch: /from/file\n');
  assert.equal(serveConfig({ data: '/data' }, withFile(t, '')).scratch, '/data/scratch');
  assert.equal(serveConfig({ data: '/data' }, env).scratch, '/from/file');
  assert.equal(serveConfig({ data: '/data', scratch: '/flag' }, { ...env, FLOTILLA_SCRATCH: '/env' }).scratch, '/flag');
});

test('what stays free and what is taken at once can be said in every place', (t) => {
  const of = (...given: Parameters<typeof serveConfig>) => {
    const { keepFree, preallocate } = serveConfig(...given);
    return [keepFree, preallocate];
  };
  assert.deepEqual(of({}, withFile(t, '')), [null, false]);
  assert.deepEqual(of({ keepFree: '2G', preallocate: true }, withFile(t, '')), [2 * 1024 ** 3, true]);
  assert.deepEqual(of({}, withFile(t, '', { FLOTILLA_KEEP_FREE: '0', FLOTILLA_PREALLOCATE: '1' })), [0, true]);
  assert.deepEqual(of({}, withFile(t, 'keepFree: 1000\npreallocate: true\n')), [1000, true]);
});

const refusals: [text: string, env: Record<string, string>, sentence: RegExp][] = [
  ['prot: 1\n', {}, /unknown option prot/],
  ['port: many\n', {}, /port: /],
  ['port: true\n', {}, /port: It must be a whole number from 0 to 65535\.$/],
  ['port: [4000]\n', {}, /port: /],
  ['data: [a, b]\n', {}, /data: /],
  ['trustedProxies: [nas]\n', {}, /trustedProxies: Proxies are addresses/],
  ['', { FLOTILLA_TRUSTED_PROXIES: '0.0.0.0/0' }, /trustedProxies: .* never everybody/],
  ['', { FLOTILLA_TRUSTED_PROXIES: '10.0.0.0/33' }, /trustedProxies: /],
  ['keepFree: a lot\n', {}, /keepFree: It must be a size/],
  ['', { FLOTILLA_BOOTSTRAP_TOKEN: 'short' }, /bootstrapToken: /],
  ['- a list\n', {}, /is not a YAML list of options/],
];
for (const [text, env, sentence] of refusals) {
  test(`${JSON.stringify(text)} with ${Object.keys(env)} is refused with a sentence`, (t) => {
    assert.throws(() => serveConfig({}, withFile(t, text, env)), { code: 'link_invalid', message: sentence });
  });
}

test('one file may have the options of servers and of workers', (t) => {
  const env = withFile(t, 'port: 4000\njobs: 3\nlabels: [geo:fr, vpn]\njoin: https://flotilla.example/\nkeepFree: 1G\n');
  assert.equal(serveConfig({}, env).port, 4000);
  const { jobs, labels, join: origin, keepFree, name, data } = workerConfig({ data: '/data' }, env);
  assert.deepEqual([jobs, labels, origin, keepFree], [3, ['geo:fr', 'vpn'], 'https://flotilla.example', 1024 ** 3]);
  assert.deepEqual([name, data], [hostname(), '/data']);
  assert.throws(() => workerConfig({}, withFile(t, 'prot: 1\n')), /unknown option prot/);
  assert.throws(() => workerConfig({ join: 'flotilla.example' }, withFile(t, '')), /join: It must be an address such as/);
  for (const labels of ['geo fr', 'x'.repeat(51)]) {
    assert.throws(() => workerConfig({ labels }, withFile(t, '')), {
      code: 'link_invalid',
      message: /labels: A label has no spaces/,
    });
  }
});

test('a worker keeps its things beside those of a server, never in them', (t) => {
  const env = withFile(t, '', { XDG_DATA_HOME: '/home/anna/data' });
  assert.equal(workerConfig({}, env).data, '/home/anna/data/flotilla-worker');
  assert.equal(workerConfig({}, { ...env, FLOTILLA_DATA: '/data' }).scratch, '/data/scratch');
});

test('how much is written to the log, and how, is an option of everything that runs for long', (t) => {
  const env = withFile(t, 'logFormat: text\n', { FLOTILLA_LOG_LEVEL: 'debug', FLOTILLA_METRICS_PUBLIC: '1' });
  const { logLevel, logFormat, metricsPublic } = serveConfig({}, env);
  assert.deepEqual([logLevel, logFormat, metricsPublic], ['debug', 'text', true]);
  assert.equal(workerConfig({ logLevel: 'error' }, env).logLevel, 'error');
  assert.throws(() => serveConfig({ logLevel: 'loud' }, withFile(t, '')), /logLevel: /);
});

test('what people and workers reach the server at is an origin', (t) => {
  assert.equal(
    serveConfig({ publicUrl: 'https://flotilla.example/page' }, withFile(t, '')).publicUrl,
    'https://flotilla.example',
  );
  assert.equal(serveConfig({}, withFile(t, '')).publicUrl, null);
});

test('the bus is the link of a NATS, in every place, and a refused one is not shown', (t) => {
  const env = withFile(t, 'bus: nats://file:4222\n');
  assert.equal(serveConfig({}, withFile(t, '')).bus, null);
  assert.equal(serveConfig({}, env).bus, 'nats://file:4222');
  assert.equal(serveConfig({}, { ...env, FLOTILLA_BUS: 'tls://variable' }).bus, 'tls://variable');
  assert.equal(serveConfig({ bus: 'nats://flag' }, { ...env, FLOTILLA_BUS: 'tls://variable' }).bus, 'nats://flag');
  const sentence =
    'The configuration makes no sense: bus: It must be a link such as nats://host:4222, nats://token@host or tls://host.';
  assert.throws(() => serveConfig({ bus: 'redis://name:geheim@host' }, env), { code: 'link_invalid', message: sentence });
});

test('a key with nothing behind it is not given, proxies may be ranges, and an IPv6 address may have its brackets', (t) => {
  const env = withFile(t, 'port:\nhost: "[::1]"\ntrustedProxies: [10.0.0.0/8, "::1"]\n');
  const { port, host, trustedProxies } = serveConfig({}, env);
  assert.deepEqual([port, host, trustedProxies], [3568, '::1', ['10.0.0.0/8', '::1']]);
});

test('a configuration file that is there and cannot be read is not passed over', (t) => {
  const folder = tempFolder(t);
  mkdirSync(join(folder, 'flotilla.yaml'));
  const before = process.cwd();
  process.chdir(folder);
  try {
    assert.throws(() => serveConfig({}, {}), { code: 'link_invalid', message: /flotilla\.yaml cannot be read/ });
  } finally {
    process.chdir(before);
  }
});

test('a configuration file that was named must be there', () => {
  assert.throws(() => serveConfig({}, { FLOTILLA_CONFIG: '/nowhere/flotilla.yaml' }), /cannot be read/);
});
