/** From which address and with which certificates servers are asked. */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { createServer as createHttp, type RequestListener } from 'node:http';
import { createServer as createHttps } from 'node:https';
import type { Server } from 'node:net';
import { test } from 'node:test';
import type { TLSSocket } from 'node:tls';
import type { RequestOptions } from '#core/request.ts';
import { fetchInto } from '#testing/fetch-into.ts';
import { noServices } from '#testing/no-services.ts';
import { type Certificate, makeCertificate, serveNginx } from '#testing/serve-nginx.ts';
import { releaseAfter, type Scope, tempFolder } from '#testing/temp.ts';
import { createEgress } from '#wire/egress.ts';
import { createKeptConnections } from '#wire/kept-connections.ts';
import { systemClock } from '#wire/system.ts';
import { http } from './http.ts';

const read = (path: string) => readFileSync(path, 'utf8');

async function listen(t: Scope, server: Server & { closeAllConnections(): void }, host = '127.0.0.1'): Promise<number> {
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve));
  releaseAfter(t, () => server.close().closeAllConnections());
  return (server.address() as { port: number }).port;
}

/** A TLS server that tells who asked, by the name in the client's certificate. */
async function serveKnowing(
  t: Scope,
  certificate: Certificate,
  answer: RequestListener = (_, response) => void response.end('x'),
) {
  const names: string[] = [];
  const tls = { key: read(certificate.keyPath), cert: read(certificate.certPath), ca: read(certificate.caPath) };
  const server = createHttps({ ...tls, requestCert: true, rejectUnauthorized: false }, (request, response) => {
    names.push(String((request.socket as TLSSocket).getPeerCertificate()?.subject?.CN));
    answer(request, response);
  });
  return { names, url: `https://127.0.0.1:${await listen(t, server)}/x` };
}

const fetchBy = (t: Scope, url: string, request: RequestOptions) => fetchInto(http, tempFolder(t), url, { request });

test('connections start from the address that was asked for', async (t) => {
  const seen: (string | undefined)[] = [];
  const server = createHttp((request, response) => {
    seen.push(request.socket.remoteAddress);
    response.end('x');
  });
  const url = `http://127.0.0.1:${await listen(t, server)}/`;
  await fetchBy(t, url, { localAddress: '127.0.0.9' });
  await fetchBy(t, url.replace('127.0.0.1', 'localhost'), { localAddress: '127.0.0.9' });
  assert.deepEqual(new Set(seen), new Set(['127.0.0.9']));
  await assert.rejects(fetchBy(t, url, { localAddress: '192.0.2.1' }), {
    code: 'connection_refused',
    message: /not one of this machine/,
  });
  await assert.rejects(fetchBy(t, url, { localAddress: '::1' }), { code: 'name_unresolvable', message: /no IPv6 address/ });
});

test('only addresses of the wanted family are tried', async (t) => {
  const seen: (string | undefined)[] = [];
  const server = createHttp((request, response) => {
    seen.push(request.socket.remoteAddress);
    response.end('x');
  });
  const port = await listen(t, server, '::');
  const lookup = async () => [
    { address: '::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ];
  const egress = createEgress({ allow: ['127.0.0.0/8', '::1'], lookup });
  for (const family of [4, 6] as const) {
    const connections = createKeptConnections();
    const context = { clock: systemClock, egress, connections, connectTimeoutMs: 2000, ...noServices };
    await http.probe(context, new URL(`http://both.example:${port}/`), { family }, t.signal);
  }
  const target = { host: '127.0.0.1', port, tls: false, signal: t.signal, timeoutMs: 1000 };
  await assert.rejects(egress.connect({ ...target, family: 6 }), { code: 'name_unresolvable' });
  assert.deepEqual(seen, ['::ffff:127.0.0.1', '::1']);
});

test('an authority that is given is trusted, and only then', async (t) => {
  const nginx = await serveNginx(t, { tls: true });
  writeFileSync(`${nginx.folder}/file`, 'content');
  const url = `${nginx.tlsOrigin}/file`.replace('localhost', '127.0.0.1');
  await assert.rejects(fetchBy(t, url, {}), { code: 'tls_failed' });
  const { bytes } = await fetchBy(t, url, { ca: read(nginx.caPath ?? '') });
  assert.equal(String(bytes), 'content');
  await assert.rejects(fetchBy(t, url, { ca: '-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----' }), {
    code: 'tls_failed',
  });
});

test('a certificate is shown to the origin of the link alone', async (t) => {
  const certificate = makeCertificate(tempFolder(t));
  const request = {
    ca: read(certificate.caPath),
    certificate: { cert: read(certificate.certPath), key: read(certificate.keyPath) },
  };
  const second = await serveKnowing(t, certificate);
  const first = await serveKnowing(
    t,
    certificate,
    (_, response) => void response.writeHead(302, { location: second.url }).end(),
  );
  await fetchBy(t, first.url, request);
  assert.deepEqual(new Set(first.names), new Set(['localhost']));
  assert.deepEqual(new Set(second.names), new Set(['undefined']));
  const wrong = { ...request.certificate, key: '-----BEGIN PRIVATE KEY-----\nhidden\n-----END PRIVATE KEY-----' };
  await assert.rejects(fetchBy(t, first.url, { ...request, certificate: wrong }), {
    code: 'tls_failed',
    message: /cannot be used/,
  });
});

test('a warm connection never lends its certificate to a download without one', async (t) => {
  const certificate = makeCertificate(tempFolder(t));
  const { names, url } = await serveKnowing(
    t,
    certificate,
    (_, response) => void response.setHeader('content-length', 1).end('x'),
  );
  const connections = createKeptConnections();
  releaseAfter(t, () => connections.close());
  const context = {
    clock: systemClock,
    egress: createEgress({ allow: ['127.0.0.0/8'] }),
    connections,
    connectTimeoutMs: 2000,
    ...noServices,
  };
  const ca = read(certificate.caPath);
  const known = { ca, certificate: { cert: read(certificate.certPath), key: read(certificate.keyPath) } };
  for (const request of [known, known, { ca }]) {
    const session = http.openSession(context, new URL(url), request);
    const opened = await session.open(0, null, t.signal);
    await opened.pour(() => true, t.signal);
    session.close();
  }
  assert.deepEqual(names, ['localhost', 'localhost', 'undefined']);
});
