/** `flotilla doctor`: looks at what a server needs, and says in sentences what is wrong. It changes nothing. */
import { exitCodes } from '#cli/exit-codes.ts';
import { checkDatabase, type FoundInDatabase } from './checkup/database.ts';
import { checkDestinations } from './checkup/destinations.ts';
import { checkFiles, checkKey } from './checkup/files.ts';
import type { Finding } from './checkup/finding.ts';
import { checkMachine } from './checkup/machine.ts';
import { checkMedia } from './checkup/media.ts';
import { checkOnline } from './checkup/online.ts';
import { environment, searchPath } from './config.ts';
import { serveConfig } from './serve-config.ts';
import { settingsOfMachine, settingsOfSources } from './source-settings.ts';

const signs = { ok: 'ok  ', warn: 'warn', bad: 'BAD ' } as const;

export async function runDoctor(flags: Record<string, unknown>): Promise<number> {
  const { json = false, online, ...others } = flags as { json?: boolean; online?: string } & Record<string, unknown>;
  const options = serveConfig(others, environment);
  const found: Finding[] = [];
  const add = (findings: Finding[]) => {
    found.push(...findings);
    if (json) return;
    for (const { check, level, message } of findings) process.stdout.write(`${signs[level]} ${check}: ${message}\n`);
  };
  add(checkMachine());
  const { media } = await settingsOfSources(options.source, environment, settingsOfMachine(options.data));
  add(await checkMedia(media, searchPath(environment)));
  add(checkFiles(options));
  const database: FoundInDatabase = await checkDatabase(options);
  add(database.findings);
  add(checkKey(options.secretKeyFile, database));
  add(await checkDestinations(database.destinations));
  if (online !== undefined) add(await checkOnline(online));

  const badCount = found.filter(({ level }) => level === 'bad').length;
  if (json) process.stdout.write(`${JSON.stringify(found, null, 2)}\n`);
  else process.stdout.write(badCount === 0 ? 'All is well.\n' : `${badCount} of ${found.length} need you.\n`);
  return badCount === 0 ? exitCodes.ok : exitCodes.failed;
}
