/**
 * Loaded into a program before its own code (`NODE_OPTIONS=--import=…`): kills it with SIGKILL at a chosen moment, which
 * `FLOTILLA_TEST_KILL_AT` names: `before` or `after`, a function of `fs` or `fs.promises`, and how the last path given to it ends.
 */
import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';

const [when, name = '', ending = ''] = (process.env.FLOTILLA_TEST_KILL_AT ?? '').split(' ');

type Call = (...args: unknown[]) => unknown;

function watch(calls: Record<string, Call>, call: string): void {
  const original = calls[call];
  if (original === undefined) return;
  calls[call] = (...args) => {
    const path = args.filter((arg) => typeof arg === 'string' && arg.startsWith('/')).at(-1) as string | undefined;
    const die = () => {
      if (path?.endsWith(ending)) process.kill(process.pid, 'SIGKILL');
    };
    if (when === 'before') die();
    const result = original(...args);
    if (when === 'after') {
      if (result instanceof Promise) return result.finally(die);
      die();
    }
    return result;
  };
}

if (name !== '') {
  watch(fs.promises as unknown as Record<string, Call>, name);
  watch(fs as unknown as Record<string, Call>, `${name}Sync`);
  syncBuiltinESMExports();
}
