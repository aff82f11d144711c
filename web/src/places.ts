/** The places inside screens that a link can name. */
export const tabs = ['overview', 'pieces', 'timeline', 'files'] as const;
export type Tab = (typeof tabs)[number];

export const settingsPages = ['general', 'destinations', 'tokens', 'appearance'] as const;
export type SettingsPage = (typeof settingsPages)[number];
