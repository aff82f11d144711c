/** Named ways to ask for a link, and the ladder of a download: those it climbs, one after the other. */
import type { DownloadOptions } from './download.ts';
import { FlotillaError } from './errors.ts';
import { isHostPattern, ruleFor } from './limits.ts';
import { checkRequest, type RequestHeader, type RequestOptions } from './request.ts';

/** What a stage may change of a request: logins stay those of the person. */
export type StageRequest = Pick<
  RequestOptions,
  'headers' | 'userAgent' | 'referer' | 'cookies' | 'proxy' | 'localAddress' | 'family'
>;

export type Stage = {
  name: string;
  /** The kind of source that it is for, such as `http`; null: any. */
  kind: string | null;
  /** The links that it is for, by their host, as rules of limits name them. */
  host: string;
  /** Passing faults in a row that it is given. */
  attempts: number;
  /** Only workers that have all of these labels do it. */
  labels: string[];
  /** Opened to one server for one file; null: as the download or the settings say. */
  connections: number | null;
  /** Takes the place of what the person asked for, field by field. */
  request: StageRequest;
  /** What its kind of source is asked for, likewise. */
  parameters?: Record<string, unknown>;
};

/** What stages are known by to those who only climb them. */
export type Rung = Pick<Stage, 'name' | 'attempts'>;

/** Where a download stands on its ladder, and what is behind it. */
export type Climb = {
  stage: string;
  /** What the stage asks of workers. */
  labels?: string[];
  tried: { stage: string; tries: number; message: string }[];
};

export const mostStages = 50;

/** The stage that changes nothing: the link as the person asked for it. */
export const asAsked = 'As asked';

/**
 * The stages that a link climbs, in order; there is at least one. The link is first asked for as the person wishes, unless one
 * of its stages is called `As asked`: then that says when, and how often.
 */
export function ladderOf(stages: readonly Stage[], link: { kind: string; host: string }, maxTries: number): Rung[] {
  const fitting = stages.filter(
    ({ kind, host }) => (kind ?? link.kind) === link.kind && ruleFor(link.host, [{ host }]) !== null,
  );
  const rungs = fitting.map(({ name, attempts }) => ({ name, attempts }));
  return rungs.some(({ name }) => name === asAsked) ? rungs : [{ name: asAsked, attempts: maxTries }, ...rungs];
}

/** The kind of source that most likely takes the link, before anybody looked at it. */
export function likelyKind(link: string): string {
  return (URL.parse(link)?.protocol ?? '').replace(/s?:$/, '');
}

/** What the person wishes, as this stage asks for it. */
export function asStageAsks(options: DownloadOptions, stage: Stage): DownloadOptions {
  const { connections, request, parameters } = stage;
  const headers = mergeHeaders(options.request?.headers ?? [], request.headers ?? []);
  const merged = { ...options.request, ...request, ...(headers.length > 0 && { headers }) };
  return {
    ...options,
    ...(connections !== null && { connections }),
    ...(parameters !== undefined && { parameters: { ...options.parameters, ...parameters } }),
    ...(Object.keys(merged).length > 0 && { request: merged }),
  };
}

function mergeHeaders(asked: RequestHeader[], given: RequestHeader[]): RequestHeader[] {
  const names = new Set(given.map(({ name }) => name.toLowerCase()));
  return [...asked.filter(({ name }) => !names.has(name.toLowerCase())), ...given];
}

/** Throws `link_invalid` with a sentence that names the stage, never a value of its request. */
export function checkStages(stages: readonly Stage[]): void {
  const seen = new Set<string>();
  for (const stage of stages) {
    const { name, host, request } = stage;
    if (name.trim() === '' || name !== name.trim())
      throw wrong('A stage needs a name that neither begins nor ends with a space.');
    if (seen.has(name)) throw wrong(`Two stages are called ${name}. Give one of them another name.`);
    seen.add(name);
    if (!isHostPattern(host))
      throw wrong(
        `${JSON.stringify(host.slice(0, 100))}, which stage ${name} is for, is not a host. It looks like example.org, *.example.org or *, without a port.`,
      );
    if (name === asAsked && !changesNothing(stage))
      throw wrong(
        `The stage called ${asAsked} is the link as it was asked for, so it changes nothing. Give this one another name.`,
      );
    // Each source knows its own alone.
    if (stage.parameters !== undefined && stage.kind === null)
      throw wrong(`Stage ${name} has parameters, which belong to one kind of source. Say which: media, torrent …`);
    checkRequest(request);
  }
}

function changesNothing({ connections, labels, request, parameters = {} }: Stage): boolean {
  return connections === null && labels.length === 0 && Object.keys({ ...request, ...parameters }).length === 0;
}

function wrong(message: string): FlotillaError {
  return new FlotillaError('link_invalid', message);
}
