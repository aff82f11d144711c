/** The choices of a kind of link, from the JSON Schema that the server gives of them. */

/** One choice. `list`: texts with commas between. */
export type Parameter = {
  name: string;
  help: string;
  field:
    | { kind: 'choice'; options: string[] }
    | { kind: 'switch' }
    | { kind: 'number'; least: number | null; most: number | null; isWhole: boolean }
    | { kind: 'text'; isLong: boolean }
    | { kind: 'list' };
  /** null: there is none. */
  standard: unknown;
};

/** As they were typed or chosen: texts of numbers and lists too. A name that is missing has its standard. */
export type ParameterValues = Readonly<Record<string, string | boolean>>;

type Schema = Record<string, unknown>;

/** What can be shown as a field; others keep their standard. */
export function parametersOf(schema: unknown): Parameter[] {
  const properties = isObject(schema) && isObject(schema.properties) ? schema.properties : {};
  return Object.entries(properties).flatMap(([name, given]) => {
    if (!isObject(given)) return [];
    const bare = withoutNull(given);
    const field = fieldOf(bare);
    const help = String(given.description ?? bare.description ?? '');
    return field === null ? [] : [{ name, help, field, standard: given.default ?? null }];
  });
}

function fieldOf(schema: Schema): Parameter['field'] | null {
  if (Array.isArray(schema.enum)) return { kind: 'choice', options: schema.enum.map(String) };
  switch (schema.type) {
    case 'boolean':
      return { kind: 'switch' };
    case 'integer':
    case 'number':
      return {
        kind: 'number',
        least: limit(schema.minimum),
        most: limit(schema.maximum),
        isWhole: schema.type === 'integer',
      };
    case 'string':
      return { kind: 'text', isLong: typeof schema.maxLength === 'number' && schema.maxLength > 4000 };
    case 'array':
      return isObject(schema.items) && schema.items.type === 'string' ? { kind: 'list' } : null;
    default:
      return null;
  }
}

/** JavaScript's largest numbers are no limit that anybody set. */
function limit(value: unknown): number | null {
  return typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER ? value : null;
}

/** Something or null is a field that may be left empty. */
function withoutNull(schema: Schema): Schema {
  if (Array.isArray(schema.type)) return { ...schema, type: schema.type.find((type) => type !== 'null') };
  if (!Array.isArray(schema.anyOf)) return schema;
  const others = schema.anyOf.filter((one) => isObject(one) && one.type !== 'null');
  return others.length === 1 && isObject(others[0]) ? others[0] : schema;
}

/** What stands in the field. */
export function shownValue({ name, field, standard }: Parameter, values: ParameterValues): string | boolean {
  const value = values[name];
  if (value !== undefined) return value;
  if (field.kind === 'switch') return standard === true;
  return Array.isArray(standard) ? standard.join(', ') : standard === null ? '' : String(standard);
}

/** What differs from the standard, as the API takes it. null: a number is none. undefined: nothing differs. */
export function toParameters(parameters: Parameter[], values: ParameterValues): Record<string, unknown> | undefined | null {
  const chosen: Record<string, unknown> = {};
  for (const parameter of parameters) {
    const value = values[parameter.name];
    if (value === undefined) continue;
    const meant = meaningOf(parameter, value);
    if (meant === null) return null;
    if (meant !== undefined && JSON.stringify(meant) !== JSON.stringify(parameter.standard)) chosen[parameter.name] = meant;
  }
  return Object.keys(chosen).length === 0 ? undefined : chosen;
}

/** undefined: left empty, so that the standard counts. null: it makes no sense. */
function meaningOf({ field, standard }: Parameter, value: string | boolean): unknown {
  if (typeof value === 'boolean') return value;
  const text = value.trim();
  switch (field.kind) {
    case 'number': {
      if (text === '') return undefined;
      const number = Number(text);
      const isWrong =
        !Number.isFinite(number) ||
        (field.isWhole && !Number.isInteger(number)) ||
        number < (field.least ?? number) ||
        number > (field.most ?? number);
      return isWrong ? null : number;
    }
    case 'list':
      return text.split(/[,\s]+/).filter(Boolean);
    default:
      return text === '' && standard === null ? undefined : value;
  }
}

/** What may be typed. `about`: what the source says of it, for people. */
export type Suggestion = { value: string; about: string };

/**
 * Values for a field, from what the source found: the details `formats` are for the field `format`. Texts, or objects with an id.
 */
export function suggestionsFor(name: string, details: Record<string, unknown> | undefined): Suggestion[] {
  const found = details?.[name] ?? details?.[`${name}s`];
  if (!Array.isArray(found)) return [];
  return found.slice(0, 300).flatMap((one: unknown): Suggestion[] => {
    if (typeof one === 'string') return [{ value: one, about: '' }];
    if (!isObject(one) || typeof one.id !== 'string') return [];
    const { id, width, height, extension, videoCodec, audioCodec } = one;
    const size = typeof width === 'number' && typeof height === 'number' ? `${width}×${height}` : '';
    const about = [extension, size, videoCodec, audioCodec].filter((part) => typeof part === 'string' && part !== '');
    return [{ value: id, about: about.join(' · ') }];
  });
}

/** A name of the code in words, for choices that the page has no words for: `audioOnly` is "Audio only". */
export function spell(name: string): string {
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replace(/[-_]/g, ' ')
    .toLowerCase();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function isObject(value: unknown): value is Schema {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
