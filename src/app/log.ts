/** How every long-running command writes its log. */
import { z } from 'zod';
import { type Logger, type LogLevel, logLevels } from '#core/log.ts';
import { logFormats, openLog } from '#wire/log.ts';
import { environment } from './config.ts';

export const logOptions = {
  logLevel: z
    .enum(logLevels)
    .nullable()
    .default(null)
    .describe('The least that is written to the log: trace, debug, info, warn, error or fatal; info when not given.'),
  logFormat: z
    .enum(logFormats)
    .nullable()
    .default(null)
    .describe('json or text; text on a terminal, else json, when not given.'),
};

/** What else every command knows; one file may be for all of them. */
export type LogOptions = { [name in keyof typeof logOptions]: z.output<(typeof logOptions)[name]> };

export function openProcessLog({ logLevel, logFormat }: LogOptions): Logger {
  return openLog({ level: levelOf({ logLevel }), format: logFormat ?? (process.stderr.isTTY ? 'text' : 'json') });
}

/** With `FLOTILLA_DEBUG` every decision is told, as by `get`. */
export function levelOf({ logLevel }: Pick<LogOptions, 'logLevel'>): LogLevel {
  return logLevel ?? (environment.FLOTILLA_DEBUG ? 'debug' : 'info');
}
