import type { Settings } from '#control/control.ts';
import type { Desk, Handlers } from '../handlers.ts';

export function settingsHandlers({
  control,
}: Desk): Handlers<'getSettings' | 'changeSettings' | 'checkStages' | 'listUsers' | 'changeUserLimits'> {
  const view = (settings: Settings) => ({ ...settings, timeZone: control.timeZone });
  return {
    getSettings: async () => view(await control.settings()),
    changeSettings: async ({ body }) => view(await control.changeSettings(body)),
    checkStages: ({ body }, { ownerId }) => control.ladderOf(ownerId, body.url),
    listUsers: () => control.users(),
    changeUserLimits: ({ params, body }) => control.changeUserLimits(params.id, body),
  };
}
