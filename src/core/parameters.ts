import type { ZodType } from 'zod';
import { FlotillaError } from './errors.ts';

/**
 * What a person chose for a download, as the schema of its source understands it. Throws `link_invalid` with a sentence that
 * names the parameter.
 */
export function readParameters<Chosen>(schema: ZodType<Chosen>, given: Record<string, unknown> = {}): Chosen {
  const read = schema.safeParse(given);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  if (issue?.code === 'unrecognized_keys') {
    throw new FlotillaError('link_invalid', `There is no parameter ${issue.keys.join(', ')} for links of this kind.`);
  }
  const name = issue?.path.join('.') ?? '';
  throw new FlotillaError('link_invalid', `The parameter ${name} makes no sense: ${issue?.message ?? 'it is wrong'}`);
}
