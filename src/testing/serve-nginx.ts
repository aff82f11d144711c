import { execFileSync } from 'node:child_process';
import { createCipheriv, createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type StartedProcess, startProcess } from './process.ts';
import { freePort, type Scope, tempFolder } from './temp.ts';

export type NginxOptions = {
  /** What is served. A new temporary folder when not given. */
  folder?: string;
  /** Speed of one connection below `/slow/`. */
  slowBytesPerSecond?: number;
  /** Connections one client may have below `/limited/`; one more is answered with `limitedStatus`. */
  limitedConnections?: number;
  limitedStatus?: 429 | 503;
  /** Who may read below `/private/`. */
  user?: string;
  password?: string;
  /** Serves HTTPS too, on a port of its own, with a certificate of a throw-away authority. */
  tls?: boolean;
  /** Offers HTTP/2 on the HTTPS port. */
  http2?: boolean;
  /** A unix socket that speaks SCGI (python.ca/scgi/protocol.txt), asked below `/RPC2` for the same user and password. */
  scgiPath?: string;
  /** Where it listens, when it takes the place of an earlier one; a free port when not given. */
  port?: number;
  /** Worker processes; 1 runs everything in the one process we started. */
  workers?: number;
};

export type Nginx = {
  folder: string;
  port: number;
  /** `http://127.0.0.1:port`, no slash at the end. */
  origin: string;
  /** `https://localhost:port`; null without `tls`. */
  tlsOrigin: string | null;
  /** The authority's certificate (PEM): give it to NODE_EXTRA_CA_CERTS, `--cacert`, `--ca-certificate`. */
  caPath: string | null;
  process: StartedProcess;
};

/**
 * Starts a real nginx on loopback in front of a folder. The same files can be read below each of these:
 * `/` with ranges, `/noranges/` (answers 200 to every Range), `/slow/`, `/limited/`, `/private/` (basic auth), `/cookie/`
 * (302 that sets a cookie, 403 without it), `/redirect-301/` … `-308/` (to the file), `/redirect-loop/`.
 * `/gone` is 410, `/too-many` 429 with Retry-After: 1, `/broken` 500.
 */
export async function serveNginx(t: Scope, options: NginxOptions = {}): Promise<Nginx> {
  const prefix = tempFolder(t);
  const folder = options.folder ?? join(prefix, 'files');
  const port = options.port ?? (await freePort());
  const tlsPort = options.tls ? await freePort() : null;
  const certificate = options.tls ? makeCertificate(prefix) : null;
  const args = prepareNginx(options, { prefix, folder, port, tlsPort, certificate });
  const nginx = await startProcess(t, 'nginx', args, { env: { PATH: pathToServers() }, ready: port });
  return {
    folder,
    port,
    origin: `http://127.0.0.1:${port}`,
    tlsOrigin: tlsPort ? `https://localhost:${tlsPort}` : null,
    caPath: certificate?.caPath ?? null,
    process: nginx,
  };
}

/** Writes down what an nginx is to serve; returns the arguments it is started with. */
export function prepareNginx(options: NginxOptions, place: Place): string[] {
  const { user = 'anna', password = 'secret' } = options;
  const { prefix, folder } = place;
  mkdirSync(folder, { recursive: true });
  mkdirSync(join(prefix, 'temp'));
  writeFileSync(join(prefix, 'passwords'), `${user}:{PLAIN}${password}\n`);
  writeFileSync(join(prefix, 'nginx.conf'), configuration(options, place));
  return ['-p', prefix, '-c', join(prefix, 'nginx.conf'), '-e', join(prefix, 'error.log')];
}

/** Debian keeps servers and network tools in /usr/sbin, which is not in the PATH of every user. */
export function pathToServers(): string {
  return [process.env.PATH, '/usr/sbin', '/sbin', '/usr/local/sbin'].join(delimiter);
}

/**
 * Writes a file of pseudo-random, incompressible bytes and gives back its SHA-256 in hex. The same seed gives the same
 * bytes, a longer file of one seed begins with the shorter one. About 1 s per GiB.
 */
export function sampleFile(folder: string, name: string, sizeBytes: number, seed = 1): string {
  const hash = createHash('sha256');
  const file = openSync(join(folder, name), 'w');
  try {
    for (const chunk of sampleChunks(sizeBytes, seed)) {
      hash.update(chunk);
      writeSync(file, chunk);
    }
  } finally {
    closeSync(file);
  }
  return hash.digest('hex');
}

/** The same bytes in memory. */
export function sampleBytes(sizeBytes: number, seed = 1): Buffer {
  return Buffer.concat([...sampleChunks(sizeBytes, seed)], sizeBytes);
}

const sampleChunkBytes = 1024 * 1024;

/** AES in counter mode over zeros is random enough and several GiB/s fast. */
function* sampleChunks(sizeBytes: number, seed: number): Generator<Buffer> {
  const key = Buffer.alloc(16);
  key.writeDoubleLE(seed);
  const cipher = createCipheriv('aes-128-ctr', key, Buffer.alloc(16));
  const zeros = Buffer.alloc(Math.min(sampleChunkBytes, sizeBytes));
  for (let left = sizeBytes; left > 0; left -= sampleChunkBytes) {
    yield cipher.update(left < zeros.length ? zeros.subarray(0, left) : zeros);
  }
}

export type Certificate = { caPath: string; certPath: string; keyPath: string };

/** Makes an authority and a certificate for localhost, 127.0.0.1 and ::1, good for two days. Needs `openssl`. */
export function makeCertificate(folder: string): Certificate {
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  const ca = ['-keyout', file('ca.key'), '-out', file('ca.pem'), '-subj', '/CN=Flotilla test authority', '-days', '2'];
  openssl('req', '-x509', ...newKey, ...ca);
  openssl('req', ...newKey, '-keyout', file('tls.key'), '-out', file('tls.csr'), '-subj', '/CN=localhost');
  writeFileSync(file('tls.ext'), 'subjectAltName=DNS:localhost,IP:127.0.0.1,IP:::1\nbasicConstraints=CA:FALSE\n');
  const signer = ['-CA', file('ca.pem'), '-CAkey', file('ca.key'), '-CAcreateserial', '-days', '2'];
  openssl('x509', '-req', '-in', file('tls.csr'), ...signer, '-extfile', file('tls.ext'), '-out', file('tls.pem'));
  return { caPath: file('ca.pem'), certPath: file('tls.pem'), keyPath: file('tls.key') };
}

export type Place = {
  prefix: string;
  folder: string;
  port: number;
  tlsPort: number | null;
  certificate: Certificate | null;
};

function configuration(options: NginxOptions, place: Place): string {
  const { slowBytesPerSecond = 500_000, limitedConnections = 1, limitedStatus = 503, workers = 1 } = options;
  const root = `${place.folder}/`;
  const redirects = [301, 302, 303, 307, 308].map(
    (status) => `location ~ ^/redirect-${status}/(.*)$ { return ${status} /$1$is_args$args; }`,
  );
  return `
    ${process.getuid?.() === 0 ? 'user root;' : ''}
    daemon off;
    master_process ${workers > 1 ? 'on' : 'off'};
    worker_processes ${workers};
    pid ${place.prefix}/nginx.pid;
    error_log ${place.prefix}/error.log warn;
    events { worker_connections 4096; }
    http {
      access_log off;
      ${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${place.prefix}/temp/${kind};`).join('\n      ')}
      ${typesLine()}
      default_type application/octet-stream;
      sendfile on;
      tcp_nopush on;
      keepalive_requests 100000;
      server_tokens off;
      absolute_redirect off;
      limit_conn_zone $binary_remote_addr zone=clients:1m;
      server {
        listen 127.0.0.1:${place.port} backlog=4096;
        ${tlsLines(place, options.http2 ?? false)}
        root ${root};
        location /noranges/ { alias ${root}; max_ranges 0; }
        location /slow/ { alias ${root}; limit_rate ${slowBytesPerSecond}; }
        location /limited/ {
          alias ${root};
          limit_conn clients ${limitedConnections};
          limit_conn_status ${limitedStatus};
          limit_rate ${slowBytesPerSecond};
        }
        location /private/ { alias ${root}; auth_basic flotilla; auth_basic_user_file ${place.prefix}/passwords; }
        location /cookie/ { alias ${root}; if ($cookie_pass != yes) { return 403; } }
        ${scgiLines(options, place)}
        location ~ ^/get-cookie/(.*)$ { add_header Set-Cookie "pass=yes; Path=/cookie/"; return 302 /cookie/$1; }
        location /gone { return 410; }
        location /broken { return 500; }
        location /too-many { add_header Retry-After 1 always; return 429; }
        location /redirect-loop/ { return 302 $request_uri; }
        ${redirects.join('\n        ')}
      }
    }`;
}

function tlsLines({ tlsPort, certificate }: Place, http2: boolean): string {
  if (tlsPort === null || !certificate) return '';
  return `listen 127.0.0.1:${tlsPort} ssl${http2 ? ' http2' : ''} backlog=4096;
        ssl_certificate ${certificate.certPath};
        ssl_certificate_key ${certificate.keyPath};
        ssl_session_cache none;`;
}

function scgiLines({ scgiPath }: NginxOptions, { prefix }: Place): string {
  if (scgiPath === undefined) return '';
  return `location /RPC2 {
          auth_basic flotilla;
          auth_basic_user_file ${prefix}/passwords;
          client_max_body_size 16m;
          scgi_param CONTENT_LENGTH $content_length;
          scgi_param SCGI 1;
          scgi_pass unix:${scgiPath};
        }`;
}

function typesLine(): string {
  return existsSync('/etc/nginx/mime.types') ? 'include /etc/nginx/mime.types;' : '';
}
