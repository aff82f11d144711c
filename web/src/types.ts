/** Shapes of the REST contract, as types only: the schemas themselves stay on the server. */
import type { z } from 'zod';
import type * as shape from '#api/contract/shapes.ts';

export type AddDownload = z.infer<typeof shape.addDownload>;
export type AddMany = z.infer<typeof shape.addMany>;
export type AddToken = z.infer<typeof shape.addToken>;
export type Claim = z.infer<typeof shape.claim>;
export type Counts = z.infer<typeof shape.counts>;
export type Destination = z.infer<typeof shape.destination>;
export type Digest = z.infer<typeof shape.digest>;
export type Download = z.infer<typeof shape.download>;
export type DownloadPage = z.infer<typeof shape.downloadPage>;
export type HostRule = z.infer<typeof shape.hostRule>;
export type HourSpeed = Timetable[number][number];
export type Login = z.infer<typeof shape.login>;
export type Pieces = z.infer<typeof shape.pieces>;
export type ProgressFrame = z.infer<typeof shape.progressFrame>;
export type PutDestination = z.infer<typeof shape.putDestination>;
export type Resolution = z.infer<typeof shape.resolution>;
export type Selection = z.infer<typeof shape.selection>;
export type Session = z.infer<typeof shape.session>;
export type ChangeSettings = Partial<z.infer<typeof shape.settings>>;
export type Settings = z.infer<typeof shape.settingsView>;
export type TimelineEvent = z.infer<typeof shape.event>;
export type Timetable = NonNullable<Settings['timetable']>;
export type Token = z.infer<typeof shape.token>;
export type Scope = Token['scopes'][number];
export type UserLimits = z.infer<typeof shape.userLimits>;
