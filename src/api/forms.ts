/** Files from forms: `multipart/form-data` (RFC 7578) as the same fields that JSON has. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { z } from 'zod';
import { routes } from './contract/routes.ts';
import { addDownload, askProbe } from './contract/shapes.ts';
import { onlyJson, Problem } from './problem.ts';
import { apiRoot } from './register.ts';

const mostFields = 50;

/** Where a document may be given. */
const paths = new Set([routes.addDownload, routes.probeLink].map(({ path }) => apiRoot + path));

/** What stays text, even `2024`. */
const texts = new Set(
  [addDownload, askProbe].flatMap(({ shape }) =>
    Object.entries(shape).flatMap(([name, field]) =>
      field instanceof z.ZodOptional && field.unwrap() instanceof z.ZodString ? [name] : [],
    ),
  ),
);

/**
 * The field `document` is a file; every other one is text, or JSON where it looks like it and the contract wants no text.
 * Whoever sends one is looked at by the door like any other: a page of another origin is refused there.
 */
export function acceptForms(app: FastifyInstance): void {
  app.addContentTypeParser<Buffer>(
    'multipart/form-data',
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      if (!paths.has(request.routeOptions.url ?? '')) throw onlyJson();
      return fieldsOf(await readForm(request.headers['content-type'] ?? '', Buffer.from(body)));
    },
  );
}

async function readForm(type: string, body: Buffer<ArrayBuffer>): Promise<FormData> {
  try {
    return await new Response(body, { headers: { 'content-type': type } }).formData();
  } catch {
    throw new Problem(400, 'request_malformed', 'This form cannot be read. Send multipart/form-data with its boundary.');
  }
}

async function fieldsOf(form: FormData): Promise<Record<string, unknown>> {
  const fields: Record<string, unknown> = {};
  for (const [name, value] of [...form].slice(0, mostFields)) {
    if (name === '__proto__') continue;
    fields[name] =
      typeof value === 'string' ? readField(name, value) : Buffer.from(await value.arrayBuffer()).toString('base64');
  }
  return fields;
}

function readField(name: string, text: string): unknown {
  if (texts.has(name) || !/^(?:true|false|-?\d+|[[{].*)$/s.test(text)) return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
