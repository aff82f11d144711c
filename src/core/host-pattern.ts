/** Rules about hosts. A pattern is a host, `*.example.org` for a name with everything below it, or `*` for every host. */

/** The first rule that fits counts. `host` is as in a WHATWG URL. */
export function ruleFor<Rule extends { host: string }>(host: string, rules: readonly Rule[]): Rule | null {
  return rules.find((rule) => fits(host, rule.host)) ?? null;
}

/** Is this something a rule can be about? It is written as a link would write it: in small letters, without a port. */
export function isHostPattern(text: string): boolean {
  if (text === '*') return true;
  const name = text.startsWith('*.') ? text.slice(2) : text;
  return name !== '' && !name.includes('*') && URL.parse(`http://${name}/`)?.hostname === name;
}

function fits(host: string, pattern: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.startsWith('*.')) return host === pattern;
  return host === pattern.slice(2) || host.endsWith(pattern.slice(1));
}
