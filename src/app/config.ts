/** The only reader of the environment. */
import { homedir } from 'node:os';
import { join } from 'node:path';

export type Environment = Record<string, string | undefined>;

/** What the environment of the process says. */
export const environment: Environment = process.env;

/** Ranges of addresses that are opened although refused by default: `FLOTILLA_NET_ALLOW=127.0.0.0/8,192.168.1.0/24`. */
export function netAllow(env: Environment): string[] {
  return splitList(env.FLOTILLA_NET_ALLOW ?? '');
}

export function splitList(text: string): string[] {
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

/** Folders in which programs are found. */
export function searchPath(env: Environment): string {
  return env.PATH ?? '/usr/local/bin:/usr/bin:/bin';
}

/** `/` where the user has none: a mere number, as in some containers, without `HOME`. */
export function homeFolder(): string {
  try {
    return homedir();
  } catch {
    return '/';
  }
}

/** Where the embedded database and unfinished files live when `--data` does not say (XDG base directories). */
export function defaultDataFolder(env: Environment): string {
  if (env.FLOTILLA_DATA) return env.FLOTILLA_DATA;
  if (process.platform === 'win32' && env.APPDATA) return join(env.APPDATA, 'Flotilla');
  if (process.platform === 'darwin') return join(homeFolder(), 'Library', 'Application Support', 'Flotilla');
  return join(env.XDG_DATA_HOME || join(homeFolder(), '.local', 'share'), 'flotilla');
}

/** Where `get` remembers things: what it has put where (`versions`), and the keys of SSH servers (`known_hosts`). */
export function stateFolder(env: Environment): string {
  if (process.platform === 'win32' && env.LOCALAPPDATA) return join(env.LOCALAPPDATA, 'Flotilla');
  if (process.platform === 'darwin') return join(homeFolder(), 'Library', 'Application Support', 'Flotilla');
  return join(env.XDG_STATE_HOME || join(homeFolder(), '.local', 'state'), 'flotilla');
}

/** May text be coloured and redrawn on this stream? (no-color.org, and what terminals say of themselves) */
export function wantsColour(env: Environment, isTerminal: boolean): boolean {
  if (env.NO_COLOR) return false;
  if (env.FORCE_COLOR && env.FORCE_COLOR !== '0') return true;
  return isTerminal && env.TERM !== 'dumb';
}
