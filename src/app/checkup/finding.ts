/** What one look found. `warn`: it works, but not for ever or not well · `bad`: it does not. `message` says what helps. */
export type Finding = { check: string; level: 'ok' | 'warn' | 'bad'; message: string };

export function finding(check: string) {
  const say = (level: Finding['level']) => (message: string) => ({ check, level, message });
  return { ok: say('ok'), warn: say('warn'), bad: say('bad') };
}
