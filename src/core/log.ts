/** Lines for whoever looks after this program, as data. Everything that is written down goes through here. */
export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
export type LogLevel = (typeof logLevels)[number];

/**
 * What a line is about, under the names that programs search for: `requestId`, `taskId`, `downloadId`, `workerId`, `epoch`.
 * `error` is shown with its stack and causes. Links go in as `URL`, or as `showLink` shows them.
 */
export type LogDetail = Record<string, unknown>;

type Write = (message: string, detail?: LogDetail) => void;

/** Never throws. A level that nobody reads costs next to nothing. */
export type Logger = Record<LogLevel, Write>;

const ignore = () => {};
/** For whoever has nobody to tell. */
export const noLog: Logger = { trace: ignore, debug: ignore, info: ignore, warn: ignore, error: ignore, fatal: ignore };
