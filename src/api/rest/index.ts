import type { Desk, Handlers } from '../handlers.ts';
import { notFound } from '../problem.ts';
import { debugHandlers } from './debug.ts';
import { destinationHandlers } from './destinations.ts';
import { downloadPartHandlers } from './download-parts.ts';
import { downloadHandlers } from './downloads.ts';
import { fleetHandlers } from './fleet.ts';
import { historyHandlers } from './history.ts';
import { probeHandlers } from './probe.ts';
import { sessionHandlers } from './session.ts';
import { settingsHandlers } from './settings.ts';
import { statsHandlers } from './stats.ts';
import { tokenHandlers } from './tokens.ts';
import { workerHandlers } from './worker.ts';

/** One handler for every route of the contract; a missing one does not compile. */
export function createHandlers(desk: Desk): Handlers {
  return {
    ...sessionHandlers(desk),
    ...downloadHandlers(desk),
    ...downloadPartHandlers(desk),
    ...historyHandlers(desk),
    ...probeHandlers(desk),
    ...destinationHandlers(desk),
    ...settingsHandlers(desk),
    ...tokenHandlers(desk),
    ...fleetHandlers(desk),
    ...workerHandlers(desk),
    ...statsHandlers(desk),
    ...debugHandlers(desk),
    streamEvents({ headers }, call) {
      const last = headers['last-event-id'];
      return desk.streamEvents(call, last === undefined ? null : Number(last));
    },
    async viewStream({ params, body }, { ownerId }) {
      if (!desk.viewStream(ownerId, params.id, body.downloadIds)) throw notFound('live stream');
    },
  };
}
