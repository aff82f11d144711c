import { accessSync, constants } from 'node:fs';
import { delimiter, isAbsolute, join } from 'node:path';

/** Where a program would be started from, when it is named as `startChild` takes it; null: there is none. */
export function findProgram(command: string, searchPath: string): string | null {
  const paths = isAbsolute(command) ? [command] : searchPath.split(delimiter).map((folder) => join(folder, command));
  return paths.find(isProgram) ?? null;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
