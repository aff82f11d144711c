/** `/metrics` in the text format of Prometheus, version 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/ */
import type { FastifyInstance } from 'fastify';
import { type Family, type Meter, secondsBounds } from '#lib/meter.ts';
import { actorOf, type Registers, requireAccess } from './door.ts';
import { Problem } from './problem.ts';

export const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/**
 * Answers admins, and everybody when `isPublic`: the figures are sums over all users, and tell how busy the machines are.
 * Counts every request from now on.
 */
export function registerMetrics(app: FastifyInstance, registers: Registers, meter: Meter, isPublic: boolean): void {
  const requests = meter.counter('flotilla_http_requests_total', 'Requests by route, method and class of the answer.');
  const seconds = meter.histogram(
    'flotilla_http_request_duration_seconds',
    'From the head of a request to the end of its answer.',
    [...secondsBounds, 30],
  );
  app.addHook('onResponse', async (request, reply) => {
    // The pattern, for paths are without end. Of what has none all is one.
    const route = request.routeOptions.url ?? 'none';
    const method = knownMethods.has(request.method) ? request.method : 'other';
    requests.add(1, { route, method, status: `${Math.floor(reply.statusCode / 100)}xx` });
    // A stream or a question that waits for work lasts as long as somebody listens.
    if (!isLong(route)) seconds.observe(reply.elapsedTime / 1000, { route, method });
  });
  app.get('/metrics', async (request, reply) => {
    if (!isPublic) {
      const actor = await actorOf(registers, request);
      requireAccess(actor, 'settings:read');
      if (actor.role !== 'admin')
        throw new Problem(403, 'not_allowed', 'These figures are about everybody. An admin can see them.');
    }
    reply.header('cache-control', 'no-store').header('content-type', metricsType);
    return reply.send(toText(await meter.families()));
  });
}

const knownMethods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']);

function isLong(route: string): boolean {
  return (
    route.endsWith('/events') || route.endsWith('/worker/claim') || route.endsWith('/content') || route.includes('/debug/')
  );
}

/** Families without a figure are left out. */
export function toText(families: Family[]): string {
  const told = families.filter(({ samples }) => samples.length > 0);
  const lines = told.flatMap(({ name, kind, help, samples }) => [
    `# HELP ${name} ${escaped(help, false)}`,
    `# TYPE ${name} ${kind}`,
    ...samples.map(({ suffix, labels, value }) => `${name}${suffix}${showLabels(labels)} ${showNumber(value)}`),
  ]);
  return `${lines.join('\n')}\n`;
}

function showLabels(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escaped(value, true)}"`);
  return pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
}

function showNumber(value: number): string {
  if (Number.isNaN(value)) return 'NaN';
  return Number.isFinite(value) ? String(value) : value > 0 ? '+Inf' : '-Inf';
}

function escaped(text: string, isLabel: boolean): string {
  const plain = text.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return isLabel ? plain.replaceAll('"', '\\"') : plain;
}
