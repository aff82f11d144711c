/** What people may choose for each kind of link. */
import { z } from 'zod';
import type { SourceKind } from '#api/handlers.ts';
import type { Source } from '#core/source.ts';
import { sources } from '#sources/index.ts';
import { listings } from '#wire/listings.ts';

/** Every source, and every kind of document that lists links. */
export function sourceKinds(): SourceKind[] {
  const schemaOf = (parameters: z.ZodType | undefined): SourceKind['parameters'] =>
    parameters === undefined ? null : z.toJSONSchema(parameters, { io: 'input', unrepresentable: 'any' });
  return [
    ...sources.map(({ kind, schemes, parameters }) => {
      return { kind, schemes, told: schemesTold({ kind, schemes }), parameters: schemaOf(parameters) };
    }),
    ...listings.map(({ kind, parameters }) => ({ kind, schemes: [], told: null, parameters: schemaOf(parameters) })),
  ];
}

/** What a worker says that can do what the source does: a source without schemes has its kind for one. */
export function schemesTold({ kind, schemes }: Pick<Source, 'kind' | 'schemes'>): string[] {
  return schemes.length > 0 ? [...schemes] : [`${kind}:`];
}
