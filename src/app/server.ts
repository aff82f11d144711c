/** `flotilla server`: control plane, API and web page, for workers on other machines. Any number of them on one database. */
import { environment } from './config.ts';
import { runControlPlane } from './control-plane.ts';
import { openProcessLog } from './log.ts';
import { serveConfig } from './serve-config.ts';

export function runServer(flags: Record<string, unknown>): Promise<number> {
  const options = serveConfig(flags, environment);
  return runControlPlane(options, openProcessLog(options), async () => null);
}
