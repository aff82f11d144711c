/** What a host, or many of them, may be asked for. null: as much as there is. */
export type HostRule = {
  /** A host, `*.example.org` for a name with everything below it, or `*` for every host. */
  host: string;
  bytesPerSecond: number | null;
  connections: number | null;
  /** Fetched at the same time, by the host of their links. */
  downloads: number | null;
  /** Only workers with all of these labels fetch from there; absent: any may. */
  labels?: string[];
};

/** The limits that a worker keeps to, as data: all of its downloads together, by host, by owner and one by one. */
export type WorkerLimits = {
  bytesPerSecond: number | null;
  hosts: Omit<HostRule, 'downloads' | 'labels'>[];
  users: { ownerId: string; bytesPerSecond: number }[];
  downloads: { downloadId: string; bytesPerSecond: number }[];
};

export const noLimits: WorkerLimits = { bytesPerSecond: null, hosts: [], users: [], downloads: [] };

/** The first rule that fits counts. It is about each host that fits by itself, not about all of them together. */
export function ruleFor<Rule extends { host: string }>(host: string, rules: readonly Rule[]): Rule | null {
  return rules.find((rule) => fits(host, rule.host)) ?? null;
}

/** Is this something a rule can be about? */
export function isHostPattern(text: string): boolean {
  if (text === '*') return true;
  const name = text.startsWith('*.') ? text.slice(2) : text;
  return name !== '' && !name.includes('*') && hostOf(`http://${name}/`) === name;
}

/** As it stands in a link, without its port. Empty when there is none. */
export function hostOf(link: string): string {
  return URL.parse(link)?.hostname ?? '';
}

function fits(host: string, pattern: string): boolean {
  if (pattern === '*') return true;
  if (!pattern.startsWith('*.')) return host === pattern;
  return host === pattern.slice(2) || host.endsWith(pattern.slice(1));
}
