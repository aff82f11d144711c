import { toFailure } from '#core/errors.ts';
import { destinationOf } from '#destinations/index.ts';
import type { StoredDestination } from './database.ts';
import { type Finding, finding } from './finding.ts';

/** Each by its own test, as in the settings: a small file is written, read and deleted there. */
export function checkDestinations(destinations: StoredDestination[]): Promise<Finding[]> {
  return Promise.all(destinations.map(checkDestination));
}

async function checkDestination({ kind, name, options }: StoredDestination): Promise<Finding> {
  const { ok, bad } = finding(`Destination ${name}`);
  try {
    const adapter = destinationOf(kind);
    const steps = await adapter.test(adapter.options.parse(options));
    const failed = steps.find((step) => !step.ok);
    if (failed === undefined) return ok('A small file was written, read and deleted there.');
    return bad(`It does not take files (${failed.step}): ${failed.message ?? 'nobody says why'}`);
  } catch (error) {
    return bad(toFailure(error).message);
  }
}
