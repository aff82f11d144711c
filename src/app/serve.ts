/** `flotilla serve`: control plane, API, web page and a worker in one process. */
import { environment, searchPath } from './config.ts';
import { runControlPlane } from './control-plane.ts';
import { startEmbeddedWorker } from './embedded-worker.ts';
import { levelOf, openProcessLog } from './log.ts';
import { openGate } from './outlet.ts';
import { serveConfig } from './serve-config.ts';
import { settingsOfMachine, settingsOfSources } from './source-settings.ts';

export async function runServe(flags: Record<string, unknown>): Promise<number> {
  const options = serveConfig(flags, environment);
  const { data: dataFolder, scratch: scratchFolder, netAllow, keepFree: keepFreeBytes, preallocate } = options;
  // The worker makes its own in its thread; a range that is none is told of here, before anything is opened.
  openGate(netAllow);
  const log = openProcessLog(options);
  const settings = {
    ...{ dataFolder, scratchFolder, netAllow, keepFreeBytes, preallocate, logLevel: levelOf(options) },
    settings: await settingsOfSources(options.source, environment, settingsOfMachine(dataFolder)),
    searchPath: searchPath(environment),
  };
  return runControlPlane(options, log, (control) => startEmbeddedWorker(control, settings, log));
}
