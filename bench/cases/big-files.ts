/** One large file from a fast server: what a gigabyte costs. */
import type { Nginx } from '#testing/serve-nginx.ts';
import type { Case, TransferOptions } from '../case.ts';
import { aria2, aria2Defaults, bare, curl, curlThenSha256sum, fileName, flotilla } from '../programs.ts';

export function bigFileCases(options: TransferOptions, nginx: Nginx, sha256: string): Case[] {
  const plain = `${nginx.origin}/${fileName}`;
  const secure = `${nginx.tlsOrigin}/${fileName}`;
  const caPath = nginx.caPath ?? '';
  const size = `${Math.round(options.sizeBytes / 2 ** 20)} MiB`;
  const common = { files: new Map([[fileName, sha256]]), sizeBytes: options.sizeBytes };
  return [
    {
      ...common,
      name: 'plain-1',
      title: `${size}, one connection`,
      measure: 'cpuSecondsPerGiB',
      commands: { flotilla: flotilla(options, plain, 1, bare), aria2: aria2(plain, 1), curl: curl(plain) },
      bars: { aria2: 0.6, curl: 0.9 },
    },
    {
      ...common,
      name: 'plain-8',
      title: `${size}, eight connections (curl: one)`,
      measure: 'cpuSecondsPerGiB',
      commands: {
        flotilla: flotilla(options, plain, 8, bare),
        aria2: aria2(plain, 8),
        'aria2 defaults': aria2Defaults(plain, 8),
        curl: curl(plain),
      },
      bars: { aria2: 0.6, 'aria2 defaults': 0.6, curl: 0.9 },
    },
    {
      ...common,
      name: 'default-8',
      title: `${size}, eight connections (curl: one), as people run it: only Flotilla computes a SHA-256`,
      measure: 'cpuSecondsPerGiB',
      commands: { flotilla: flotilla(options, plain, 8), aria2: aria2(plain, 8), curl: curl(plain) },
      bars: { aria2: 1 },
    },
    {
      ...common,
      name: 'sha256-8',
      title: `${size} with a SHA-256 to check, eight connections (curl: one, then sha256sum)`,
      measure: 'both',
      commands: {
        flotilla: flotilla(options, plain, 8, ['--checksum', `sha-256=${sha256}`]),
        aria2: aria2(plain, 8, [`--checksum=sha-256=${sha256}`]),
        curl: curlThenSha256sum(plain, sha256),
      },
      bars: { aria2: 0.65 },
    },
    {
      ...common,
      name: 'tls-8',
      title: `${size} over TLS, eight connections (curl: one)`,
      measure: 'cpuSecondsPerGiB',
      commands: {
        flotilla: flotilla(options, secure, 8, bare, { NODE_EXTRA_CA_CERTS: caPath }),
        aria2: aria2(secure, 8, [`--ca-certificate=${caPath}`]),
        curl: curl(secure, ['--cacert', caPath]),
      },
      bars: { aria2: 0.85, curl: 1.05 },
    },
  ];
}
