/** What people may choose for each kind of link. */
import { z } from 'zod';
import type { SourceKind } from '#api/handlers.ts';
import { sources } from '#sources/index.ts';
import { listings } from '#wire/listings.ts';

/** Every source, and every kind of document that lists links. */
export function sourceKinds(): SourceKind[] {
  const schemaOf = (parameters: z.ZodType | undefined): SourceKind['parameters'] =>
    parameters === undefined ? null : z.toJSONSchema(parameters, { io: 'input', unrepresentable: 'any' });
  return [
    ...sources.map(({ kind, schemes, parameters }) => ({ kind, schemes, parameters: schemaOf(parameters) })),
    ...listings.map(({ kind, parameters }) => ({ kind, schemes: [], parameters: schemaOf(parameters) })),
  ];
}
