/** The OpenAPI 3.1 document, made from the contract: what is not in the table is not in the document. */
import { z } from 'zod';
import { type Route, routes } from './contract/routes.ts';
import * as shapes from './contract/shapes.ts';
import { apiRoot } from './register.ts';

type Json = Record<string, unknown>;

export function openApiDocument(version: string): Json {
  const paths: Record<string, Json> = {};
  for (const [name, route] of Object.entries(routes) as [string, Route][]) {
    const path = apiRoot + route.path;
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Flotilla',
      version,
      description: 'Paste a link. Your machines fetch it, prove it is right, and deliver it.',
    },
    servers: [{ url: '/' }],
    paths,
    components: {
      schemas: namedSchemas(),
      securitySchemes: {
        session: { type: 'apiKey', in: 'cookie', name: 'flotilla_session', description: 'Set by logging in.' },
        token: { type: 'http', scheme: 'bearer', description: 'An API token with the scope that `x-access` names.' },
        workerKey: { type: 'http', scheme: 'bearer', description: 'The key of the worker that the body names.' },
      },
      responses: {
        Problem: { description: 'RFC 9457 problem details', content: { 'application/problem+json': problemSchema } },
      },
    },
  };
}

const problemSchema = { schema: { $ref: '#/components/schemas/Problem' } };
const problemRef = { $ref: '#/components/responses/Problem' };

function operation(operationId: string, route: Route): Json {
  return {
    operationId,
    summary: route.summary,
    'x-access': route.access,
    security: security(route),
    parameters: [
      ...parameters('path', route.params),
      ...parameters('query', route.query),
      ...parameters('header', route.headers),
      ...(route.answer === 'file' ? rangeParameters : []),
    ],
    ...(route.body && { requestBody: requestBody(route.body) }),
    responses: { ...answers(route), default: problemRef },
  };
}

function security({ access }: Route): Json[] {
  if (access === 'public') return [];
  return access === 'worker' ? [{ workerKey: [] }] : [{ session: [] }, { token: [] }];
}

function requestBody(body: z.ZodType): Json {
  return { required: !body.safeParse(undefined).success, content: { 'application/json': { schema: schemaOf(body) } } };
}

const rangeParameters = ['range', 'if-range', 'if-none-match'].map((name) => {
  return { name, in: 'header', required: false, schema: { type: 'string' } };
});

function answers({ status, answer, later, text }: Route): Json {
  if (answer === null) return { [status]: { description: 'Done' } };
  if (answer === 'file') {
    const content = { 'application/octet-stream': {} };
    return {
      200: { description: 'The whole file', content },
      206: { description: 'The range that was asked for', content },
      304: { description: 'The copy at hand is the same' },
    };
  }
  if (answer === 'dump') {
    const content = { 'application/json': { schema: { type: 'object' } } };
    return { 200: { description: 'A file for the developer tools of browsers', content } };
  }
  if (answer === 'stream') {
    const description = 'Frames named after events (`Event`), `progress` (`ProgressFrame`) and `reset` (`ResetFrame`)';
    return { 200: { description, content: { 'text/event-stream': { schema: { type: 'string' } } } } };
  }
  const content = {
    'application/json': { schema: schemaOf(answer) },
    ...(text && { 'text/plain': { schema: { type: 'string' } } }),
  };
  const wait = later && { 202: { description: 'Not yet', content: { 'application/json': { schema: schemaOf(later) } } } };
  return { [status]: { description: 'Done', content }, ...wait };
}

function parameters(place: 'path' | 'query' | 'header', schema: z.ZodObject | undefined): Json[] {
  if (schema === undefined) return [];
  const { properties = {}, required = [] } = schemaOf(schema) as { properties?: Record<string, Json>; required?: string[] };
  return Object.entries(properties).map(([name, { description, ...rest }]) => {
    return {
      name,
      in: place,
      required: required.includes(name),
      ...(description !== undefined && { description }),
      schema: rest,
    };
  });
}

/** Every shape that has an id, also those that only the event stream uses. */
function namedSchemas(): Json {
  const named: Json = {};
  for (const shape of Object.values(shapes) as unknown[]) {
    if (shape instanceof z.ZodType && shape.meta()?.id !== undefined) Object.assign(named, toJsonSchema(shape).$defs);
  }
  return relink(named) as Json;
}

/** A shape with an id becomes a reference. */
function schemaOf(schema: z.ZodType): Json {
  const { $schema: _, $defs: __, ...rest } = toJsonSchema(schema);
  return relink(rest) as Json;
}

/** As input: an answer then is an open object, so that a later version may say more without breaking readers. */
function toJsonSchema(schema: z.ZodType): Json {
  return z.toJSONSchema(schema, { io: 'input', override: ({ jsonSchema }) => dropSafeBounds(jsonSchema) }) as Json;
}

/** Every integer of ours is a safe one; saying so at each of them hides the bounds that mean something. */
function dropSafeBounds(schema: { minimum?: number; maximum?: number }): void {
  if (schema.minimum === Number.MIN_SAFE_INTEGER) delete schema.minimum;
  if (schema.maximum === Number.MAX_SAFE_INTEGER) delete schema.maximum;
}

/** zod refers to definitions beside a schema; in this document they are components. */
function relink(node: unknown): unknown {
  if (Array.isArray(node)) return node.map(relink);
  if (typeof node !== 'object' || node === null) return node;
  const entries = Object.entries(node).map(([key, value]) => {
    return [key, key === '$ref' ? String(value).replace('#/$defs/', '#/components/schemas/') : relink(value)];
  });
  return Object.fromEntries(entries);
}
