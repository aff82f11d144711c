/**
 * Loaded into a program before its own code (`NODE_OPTIONS=--import=…`): kills it with SIGKILL at a chosen moment, which
 * `FLOTILLA_TEST_KILL_AT` names: `before` or `after`, a function of `fs.promises`, and how the last path given to it ends.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [when, name, ending = ''] = (process.env.FLOTILLA_TEST_KILL_AT ?? '').split(' ');
const calls = fs.promises as unknown as Record<string, (...args: unknown[]) => Promise<unknown>>;
const original = name === undefined ? undefined : calls[name];

if (name !== undefined && original !== undefined) {
  calls[name] = async (...args) => {
    const path = args.filter((arg) => typeof arg === 'string' && arg.startsWith('/')).at(-1) as string | undefined;
    const isMoment = path?.endsWith(ending) ?? false;
    if (isMoment && when === 'before') process.kill(process.pid, 'SIGKILL');
    const result = await original(...args);
    if (isMoment) process.kill(process.pid, 'SIGKILL');
    return result;
  };
  syncBuiltinESMExports();
}
