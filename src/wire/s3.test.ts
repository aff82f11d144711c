import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FlotillaError } from '#core/errors.ts';
import fc from '#testing/fast-check.ts';
import { encodePart, httpLink, readList, type S3Bucket, signed } from './s3.ts';

/** The example of Amazon S3 API Reference, "Signature Calculations for the Authorization Header", GET Object. */
test('a request is signed as Amazon’s own example is', () => {
  const headers = signed({
    method: 'GET',
    url: new URL('https://examplebucket.s3.amazonaws.com/test.txt'),
    headers: [
      ['User-Agent', 'not signed'],
      ['Authorization', 'replaced'],
      ['Range', 'bytes=0-9'],
    ],
    login: { accessKey: 'AKIAIOSFODNN7EXAMPLE', secret: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY', sessionToken: null },
    region: 'us-east-1',
    nowMs: Date.UTC(2013, 4, 24),
    bodySha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  });
  const authorization = headers.filter(([name]) => name === 'Authorization').map(([, value]) => value);
  assert.deepEqual(authorization, [
    'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=host;range;x-amz-content-sha256;x-amz-date,Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ]);
  assert.deepEqual(headers[0], ['User-Agent', 'not signed']);
});

test('keys and queries are encoded as they are signed', () => {
  assert.equal(encodePart(`a b+c/d!'()*~ä`), 'a%20b%2Bc%2Fd%21%27%28%29%2A~%C3%A4');
  const bucket: S3Bucket = {
    ...{ endpoint: new URL('http://127.0.0.1:9000/below/'), name: 'my.bucket', region: 'us-east-1' },
    ...{ isPathStyle: true, requesterPays: false, login: null },
  };
  assert.equal(
    httpLink(bucket, `a b/c'd\\e`, { versionId: 'x/y=', b: '1' }).href,
    'http://127.0.0.1:9000/below/my.bucket/a%20b/c%27d%5Ce?b=1&versionId=x%2Fy%3D',
  );
  const amazon = { ...bucket, endpoint: new URL('https://s3.eu-central-1.amazonaws.com'), name: 'bucket', isPathStyle: false };
  assert.equal(httpLink(amazon, 'key').href, 'https://bucket.s3.eu-central-1.amazonaws.com/key');
});

const page = (inside: string) => Buffer.from(`<?xml version="1.0"?><ListBucketResult>${inside}</ListBucketResult>`);
const item = (key: string, size: string) => `<Contents><Key>${key}</Key><Size>${size}</Size></Contents>`;

test('a page of a list is read, encoded or not', () => {
  const more = '<IsTruncated>true</IsTruncated><NextContinuationToken>t/1=</NextContinuationToken>';
  assert.deepEqual(readList(page(`<EncodingType>url</EncodingType>${item('a+b%2Bc%0A', '5')}${more}`)), {
    objects: [{ key: 'a b+c\n', sizeBytes: 5 }],
    nextToken: 't/1=',
  });
  assert.deepEqual(readList(page(item('a+b%2B&amp;', '0'))), { objects: [{ key: 'a+b%2B&', sizeBytes: 0 }], nextToken: null });
});

test('what is no object of a list is left out, and what is no list is refused', () => {
  const odd = [item('', '1'), item('a', ''), item('b', '-1'), item('c', '1e9'), item('d', '9'.repeat(20)), '<Contents/>'];
  assert.deepEqual(readList(page(odd.join(''))).objects, []);
  assert.deepEqual(readList(page(`<EncodingType>url</EncodingType>${item('%ff', '1')}`)).objects, []);
  assert.equal(readList(page(item('k'.repeat(1024), '1'))).objects.length, 1);
  const tooLong = page(item('k'.repeat(1025), '1')).toString();
  for (const bytes of [tooLong, '<html></html>', '', '<!DOCTYPE x><ListBucketResult/>', '<ListBucketResult>']) {
    assert.throws(() => readList(Buffer.from(bytes)), { code: 'unsupported' });
  }
});

test('whatever comes as a list, it is read or refused in words', () => {
  const words = [
    '<',
    '>',
    '/',
    'ListBucketResult',
    'Contents',
    'Key',
    'Size',
    'EncodingType',
    'url',
    '%',
    '%ff',
    '&amp;',
    '&#0;',
    '1',
    'é',
  ];
  const noise = fc.array(fc.oneof(fc.constantFrom(...words), fc.string()), { maxLength: 40 }).map((parts) => parts.join(''));
  const wrapped = noise.map((inside) => `<ListBucketResult><EncodingType>url</EncodingType>${inside}</ListBucketResult>`);
  const keys = fc.array(fc.tuple(fc.string({ minLength: 1 }), fc.nat()), { maxLength: 5 }).map((objects) => {
    const items = objects.map(([key, size]) => item(encodePart(key.toWellFormed()), String(size)));
    return `<ListBucketResult><EncodingType>url</EncodingType>${items.join('')}</ListBucketResult>`;
  });
  fc.assert(
    fc.property(fc.oneof(noise, wrapped, keys), (text) => {
      try {
        for (const { key, sizeBytes } of readList(Buffer.from(text)).objects) {
          assert.ok(key !== '' && Number.isSafeInteger(sizeBytes) && sizeBytes >= 0);
        }
      } catch (error) {
        assert.ok(error instanceof FlotillaError && error.code === 'unsupported', String(error));
      }
    }),
  );
});
