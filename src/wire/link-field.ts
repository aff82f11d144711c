/** The Link field (RFC 8288), as far as it names mirrors of a file: `<…>; rel=duplicate` (RFC 6249). */

const mostMirrors = 20;
const mostValues = 200;
const mostBytes = 16 * 1024;
const leastPriority = 999_999;

/**
 * Absolute web links to the same bytes, the best `pri` first, at most 20; `geo` and `depth` are ignored. Reading stops at
 * the first thing that is no link value. Names and passwords in a link are taken out: a server does not choose our credentials.
 */
export function parseDuplicates(field: string, base: URL): URL[] {
  const found = new Map<string, { url: URL; priority: number }>();
  for (const { target, parameters } of linkValues(field.slice(0, mostBytes))) {
    if (!(parameters.get('rel') ?? '').toLowerCase().split(/ +/).includes('duplicate')) continue;
    const url = URL.parse(target, base);
    if (url === null || (url.protocol !== 'http:' && url.protocol !== 'https:')) continue;
    url.username = '';
    url.password = '';
    url.hash = '';
    if (!found.has(url.href)) found.set(url.href, { url, priority: readPriority(parameters.get('pri')) });
  }
  const sorted = [...found.values()].sort((a, b) => a.priority - b.priority);
  return sorted.slice(0, mostMirrors).map(({ url }) => url);
}

type LinkValue = { target: string; parameters: Map<string, string> };

function linkValues(field: string): LinkValue[] {
  const values: LinkValue[] = [];
  const target = /[ \t,]*<([^<>\s"]*)>/y;
  const parameter = /[ \t]*;[ \t]*([!#$&+.^_`|~0-9A-Za-z*-]+)(?:[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|([^\s",;<>]+)))?/y;
  const end = /[ \t;]*(?:,|$)/y;
  for (let at = 0; at < field.length && values.length < mostValues; ) {
    target.lastIndex = at;
    const match = target.exec(field);
    if (match === null) break;
    at = target.lastIndex;
    const parameters = new Map<string, string>();
    for (;;) {
      parameter.lastIndex = at;
      const next = parameter.exec(field);
      if (next === null) break;
      at = parameter.lastIndex;
      const name = (next[1] as string).toLowerCase();
      // RFC 8288 3.3: of a repeated rel the first counts.
      if (!parameters.has(name)) parameters.set(name, next[2]?.replace(/\\(.)/g, '$1') ?? next[3] ?? '');
    }
    end.lastIndex = at;
    if (!end.test(field)) break;
    at = end.lastIndex;
    values.push({ target: match[1] as string, parameters });
  }
  return values;
}

function readPriority(text: string | undefined): number {
  return text !== undefined && /^[1-9]\d{0,5}$/.test(text) ? Number(text) : leastPriority;
}
