import type { Stage } from '../../../types.ts';
import { readHeaders } from '../../add/request.ts';

/** The fields as typed; empty is "not given". */
export type StageForm = Record<
  | 'name'
  | 'host'
  | 'kind'
  | 'attempts'
  | 'connections'
  | 'labels'
  | 'userAgent'
  | 'referer'
  | 'headers'
  | 'cookies'
  | 'proxy'
  | 'localAddress'
  | 'family'
  | 'parameters',
  string
>;

export function toForm(stage: Stage | null): StageForm {
  const {
    headers = [],
    userAgent = '',
    referer = '',
    cookies = '',
    proxy = '',
    localAddress = '',
    family,
  } = stage?.request ?? {};
  return {
    name: stage?.name ?? '',
    host: stage?.host ?? '*',
    kind: stage?.kind ?? '',
    attempts: String(stage?.attempts ?? 2),
    connections: stage?.connections == null ? '' : String(stage.connections),
    labels: stage?.labels.join(', ') ?? '',
    headers: headers.map(({ name, value }) => `${name}: ${value}`).join('\n'),
    ...{ userAgent, referer, cookies, proxy, localAddress },
    family: family === undefined ? '' : String(family),
    parameters: Object.entries(stage?.parameters ?? {})
      .map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`)
      .join('\n'),
  };
}

/** null: a line of the headers or of the parameters is none. */
export function toStage(form: StageForm): Stage | null {
  const headers = readHeaders(form.headers);
  const parameters = readParameters(form.parameters);
  if (headers === null || parameters === null) return null;
  const given = (name: 'userAgent' | 'referer' | 'proxy' | 'localAddress') => {
    const value = form[name].trim();
    return value === '' ? {} : { [name]: value };
  };
  return {
    name: form.name.trim(),
    host: form.host.trim().toLowerCase(),
    kind: form.kind.trim() === '' ? null : form.kind.trim(),
    attempts: Number(form.attempts),
    connections: form.connections === '' ? null : Number(form.connections),
    labels: form.labels.split(/[\s,]+/).filter((label) => label !== ''),
    request: {
      ...given('userAgent'),
      ...given('referer'),
      ...(headers.length > 0 && { headers }),
      ...(form.cookies.trim() !== '' && { cookies: form.cookies }),
      ...given('proxy'),
      ...given('localAddress'),
      ...(form.family !== '' && { family: form.family === '4' ? 4 : 6 }),
    },
    ...(Object.keys(parameters).length > 0 && { parameters }),
  };
}

/** One `name=value` a line; numbers, true and false are what they look like. null: a line is none. */
export function readParameters(text: string): Record<string, unknown> | null {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  const pairs = lines.map((line) => /^\s*([A-Za-z]\w{0,63})\s*=\s*(.*?)\s*$/.exec(line));
  if (pairs.includes(null)) return null;
  return Object.fromEntries(
    pairs.map((pair) => {
      const [, name = '', value = ''] = pair ?? [];
      return [name, /^(?:true|false|-?\d+(?:\.\d+)?)$/.test(value) ? JSON.parse(value) : value];
    }),
  );
}
