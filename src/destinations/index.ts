import type { Destination } from '#core/destination.ts';
import { FlotillaError } from '#core/errors.ts';
import { local } from './local.ts';

/** Every kind of destination. Add one here. */
export const destinations: readonly Destination[] = [local as Destination];

/** The adapter of that kind. Throws `unsupported`. */
export function destinationOf(kind: string): Destination {
  const destination = destinations.find((candidate) => candidate.kind === kind);
  if (destination !== undefined) return destination;
  const known = destinations.map((candidate) => candidate.kind).join(', ');
  throw new FlotillaError('unsupported', `There is no kind of destination called ${JSON.stringify(kind)}. There is: ${known}.`);
}
