/** What people may choose for each kind of link. */
import { z } from 'zod';
import type { SourceKind } from '#api/handlers.ts';
import type { Listing } from '#core/listing.ts';
import type { Source } from '#core/source.ts';
import { sources } from '#sources/index.ts';
import { listings } from '#wire/listings.ts';

/** Every source, and every kind of document that lists links. */
export async function sourceKinds(): Promise<SourceKind[]> {
  const schemaOf = async ({ options }: Pick<Source, 'options'> | Listing): Promise<SourceKind['parameters']> => {
    const { parameters } = (await options?.()) ?? {};
    return parameters === undefined ? null : z.toJSONSchema(parameters, { io: 'input', unrepresentable: 'any' });
  };
  return Promise.all([
    ...sources.map(async (source) => {
      const { kind, schemes } = source;
      return { kind, schemes, told: schemesTold(source), parameters: await schemaOf(source) };
    }),
    ...listings.map(async (listing) => {
      return { kind: listing.kind, schemes: [], told: null, parameters: await schemaOf(listing) };
    }),
  ]);
}

/** What a worker says that can do what the source does: a source without schemes has its kind for one. */
export function schemesTold({ kind, schemes }: Pick<Source, 'kind' | 'schemes'>): string[] {
  return schemes.length > 0 ? [...schemes] : [`${kind}:`];
}
