/** The log of a process, by pino: a JSON object a line for machines, a readable line for people. */
import { type DestinationStream, destination, type Level, pino } from 'pino';
import { type LogDetail, type Logger, type LogLevel, logLevels } from '#core/log.ts';
import { clean } from '#core/log-secrets.ts';

export const logFormats = ['json', 'text'] as const;
export type LogFormat = (typeof logFormats)[number];

/** `write` takes whole lines; standard error when absent, and then a line is out before the call returns. */
export function openLog(options: { level: LogLevel; format: LogFormat; write?: (line: string) => void }): Logger {
  const { level, format, write } = options;
  const out: DestinationStream = write === undefined ? destination({ fd: 2, sync: true }) : { write };
  const stream: DestinationStream = format === 'json' ? out : { write: (line) => void out.write(toText(line)) };
  const log = pino(
    {
      level: level as Level,
      base: null,
      messageKey: 'message',
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    stream,
  );
  const writer = (at: LogLevel) => (message: string, detail?: LogDetail) => {
    if (!log.isLevelEnabled(at)) return;
    log[at]((clean(detail ?? {}) as LogDetail) ?? {}, clean(message) as string);
  };
  return Object.fromEntries(logLevels.map((at) => [at, writer(at)])) as Logger;
}

type Line = { level: LogLevel; time: string; message?: string; error?: { stack?: string } } & LogDetail;

/** `2026-11-21T13:30:00.000Z warn The worker stopped. downloadId=…`, with the stack of an error below it. */
function toText(line: string): string {
  const { level, time, message = '', error, ...about } = JSON.parse(line) as Line;
  const word = level === 'info' ? '' : `${level} `;
  const facts = Object.entries(about).map(([name, value]) => {
    return ` ${name}=${typeof value === 'string' && /^[^\s"]+$/.test(value) ? value : JSON.stringify(value)}`;
  });
  const stack = error?.stack === undefined ? '' : `\n${error.stack}`;
  return `${time} ${word}${message}${facts.join('')}${stack}\n`;
}
