import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from '#testing/fast-check.ts';
import { digestAuthorization, Login, parseDigestChallenge } from './login.ts';

// The example of RFC 7616 section 3.9.1.
const nonce = '7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v';
const clientNonce = 'f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ';
const opaque = 'FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS';
const challengeOf = (algorithm: string) =>
  `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=${algorithm}, nonce="${nonce}", opaque="${opaque}"`;
const mufasa = { name: 'Mufasa', password: 'Circle of Life' };

for (const [algorithm, response] of [
  ['MD5', '8ca523f5e9506fed4657c9700eebdbec'],
  ['SHA-256', '753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1'],
] as const) {
  test(`the example of RFC 7616 comes out right with ${algorithm}`, () => {
    const challenge = parseDigestChallenge([challengeOf(algorithm)]);
    assert.deepEqual(challenge, { algorithm, realm: 'http-auth@example.org', nonce, opaque });
    assert.ok(challenge !== null);
    const value = digestAuthorization(challenge, mufasa, '/dir/index.html', 1, clientNonce);
    assert.match(value, new RegExp(`^Digest username="Mufasa", .*response="${response}", qop=auth, nc=00000001,`));
  });
}

test('among several challenges the strongest is answered', () => {
  const values = ['Basic realm="a, Digest b"', `${challengeOf('MD5')}, ${challengeOf('SHA-256')}`, challengeOf('SHA-512-256')];
  assert.equal(parseDigestChallenge(values)?.algorithm, 'SHA-256');
});

for (const value of [
  '',
  'Basic realm="x"',
  'Digest',
  'Digest realm="x", nonce="y"',
  'Digest nonce="y", qop="auth"',
  'Bearer',
]) {
  test(`${JSON.stringify(value)} is no challenge to answer`, () => assert.equal(parseDigestChallenge([value]), null));
}

test('Basic comes first, Digest when it is asked for, and a refused answer is not repeated', () => {
  const login = new Login(mufasa, () => clientNonce);
  const basic = login.authorizationFor('/');
  assert.equal(basic, `Basic ${Buffer.from('Mufasa:Circle of Life').toString('base64')}`);
  assert.equal(login.takeChallenge(['Basic realm="x"'], null), false);
  assert.equal(login.takeChallenge([challengeOf('MD5')], null), true);
  assert.match(login.authorizationFor('/'), /nc=00000001/);
  assert.match(login.authorizationFor('/'), /nc=00000002/);
  assert.equal(login.takeChallenge([challengeOf('MD5')], login.nonce), false);
  assert.equal(login.takeChallenge(['Digest realm="x", nonce="new", qop=auth, stale=true'], login.nonce), true);
  assert.match(login.authorizationFor('/'), /nonce="new".*nc=00000001/);
});

test('no challenge can end the line of its answer (fuzz)', () => {
  const unit = fc.constantFrom('Digest ', 'realm', 'nonce', 'qop', '=', '"', '\\', ',', ' ', 'auth', 'a', 'é', '\t');
  fc.assert(
    fc.property(fc.string({ unit, maxLength: 60 }), (text) => {
      const challenge = parseDigestChallenge([text, `Digest realm="${text}", nonce="n", qop="auth"`]);
      if (challenge === null) return;
      assert.doesNotMatch(digestAuthorization(challenge, mufasa, '/', 1, 'c'), /[\r\n\0]/);
    }),
  );
});
