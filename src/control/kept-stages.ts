/** The stages of the settings: written down as people may see them, with what is secret in their requests sealed beside them. */
import { FlotillaError } from '#core/errors.ts';
import { showLink } from '#core/link.ts';
import { checkStages, type Stage, type StageRequest } from '#core/stage.ts';
import type { Transaction } from '#core/store.ts';
import type { Parts } from './parts.ts';

const key = 'stageSecrets';
const about = 'stages of the settings';
const hidden = '***';

/**
 * The stages as workers need them, from those that people see. Where the secrets cannot be read any more the stages ask without
 * them.
 */
export async function recallStages(parts: Parts, tx: Transaction, stages: Stage[]): Promise<Stage[]> {
  if (!stages.some(hides)) return stages;
  const sealed = await tx.meta.get(key);
  const text = sealed === null ? null : parts.sealer.open(sealed, about);
  return text === null ? stages.map(withoutSecrets) : JSON.parse(text);
}

/**
 * Takes stages as a person gives them: what was shown as `***` is still what it was in the stage of that name.
 * Returns them as they are shown. Throws `link_invalid` for one that is none, or whose secret nobody knows.
 */
export async function keepStages(parts: Parts, tx: Transaction, given: Stage[], before: Stage[]): Promise<Stage[]> {
  const known = new Map((await recallStages(parts, tx, before)).map((stage) => [stage.name, stage.request]));
  const whole = given.map((stage) => ({ ...stage, request: fillIn(stage, known.get(stage.name) ?? {}) }));
  checkStages(whole);
  const shown = whole.map((stage) => ({ ...stage, request: show(stage.request) }));
  if (shown.some(hides)) await tx.meta.put(key, parts.sealer.seal(JSON.stringify(whole), about));
  else await tx.meta.remove(key);
  return shown;
}

/** Values of headers and cookies may let somebody in, and so may the password of a proxy. */
function show({ headers, cookies, proxy, ...open }: StageRequest): StageRequest {
  return {
    ...open,
    ...(headers && { headers: headers.map(({ name }) => ({ name, value: hidden })) }),
    ...(cookies !== undefined && { cookies: hidden }),
    ...(proxy !== undefined && { proxy: passwordOf(proxy) === '' ? proxy : showLink(proxy) }),
  };
}

function fillIn({ name, request }: Stage, known: StageRequest): StageRequest {
  const { headers, cookies, proxy } = request;
  const found = <Value>(value: Value | undefined, what: string): Value => {
    if (value !== undefined) return value;
    throw new FlotillaError('link_invalid', `The ${what} of stage ${name} is not known. Write it in place of the ***.`);
  };
  const filled = headers?.map((header) => {
    if (header.value !== hidden) return header;
    return found(
      known.headers?.find((one) => one.name === header.name),
      `value of header ${header.name}`,
    );
  });
  const isSameProxy = known.proxy !== undefined && passwordOf(known.proxy) !== '' && showLink(known.proxy) === proxy;
  return {
    ...request,
    ...(filled && { headers: filled }),
    ...(cookies === hidden && { cookies: found(known.cookies, 'cookie file') }),
    ...(proxy !== undefined &&
      passwordOf(proxy) === hidden && { proxy: found(isSameProxy ? known.proxy : undefined, 'password of the proxy') }),
  };
}

function hides({ request: { headers = [], cookies, proxy } }: Stage): boolean {
  return headers.length > 0 || cookies === hidden || (proxy !== undefined && passwordOf(proxy) === hidden);
}

function withoutSecrets(stage: Stage): Stage {
  const { headers: _, cookies: __, proxy, ...open } = stage.request;
  if (proxy === undefined) return { ...stage, request: open };
  const url = new URL(proxy);
  url.password = '';
  return { ...stage, request: { ...open, proxy: url.href } };
}

function passwordOf(proxy: string): string {
  return URL.parse(proxy)?.password ?? '';
}
