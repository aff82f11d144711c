/** `flotilla server`: control plane, API and web page, for workers on other machines. Any number of them on one database. */
import { environment } from './config.ts';
import { toStandardError as log, runControlPlane } from './control-plane.ts';
import { serveConfig } from './serve-config.ts';

export function runServer(flags: Record<string, unknown>): Promise<number> {
  return runControlPlane(serveConfig(flags, environment), log, async () => null);
}
