import type { Desk, Handlers } from '../handlers.ts';

export function settingsHandlers({ control }: Desk): Handlers<'getSettings' | 'changeSettings'> {
  return {
    getSettings: () => control.settings(),
    changeSettings: ({ body }) => control.changeSettings(body),
  };
}
