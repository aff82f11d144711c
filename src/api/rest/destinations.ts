import type { StoredDestination } from '#control/control.ts';
import type { Desk, Handlers } from '../handlers.ts';
import { notFound } from '../problem.ts';

export function destinationHandlers({
  control,
  destinations,
}: Desk): Handlers<'listDestinations' | 'addDestination' | 'changeDestination' | 'removeDestination' | 'testDestination'> {
  const view = async (stored: StoredDestination) => ({ ...stored, freeBytes: await destinations.freeBytes(stored) });
  async function requireDestination(id: string): Promise<StoredDestination> {
    const stored = (await control.destinations()).find((destination) => destination.id === id);
    if (stored === undefined) throw notFound('destination');
    return stored;
  }
  return {
    async listDestinations() {
      return Promise.all((await control.destinations()).map(view));
    },
    async addDestination({ body: { kind, name, options, isDefault = false } }) {
      return view(await control.putDestination({ kind, name, options: destinations.check(kind, options), isDefault }));
    },
    async changeDestination({ params: { id }, body: { kind, name, options, isDefault } }) {
      const stored = await requireDestination(id);
      const checked = destinations.check(kind, options);
      return view(await control.putDestination({ id, kind, name, options: checked, isDefault: isDefault ?? stored.isDefault }));
    },
    async removeDestination({ params: { id } }) {
      await requireDestination(id);
      await control.removeDestination(id);
    },
    async testDestination({ body: { kind, options } }) {
      const steps = await destinations.test(kind, destinations.check(kind, options));
      return { ok: steps.every((step) => step.ok), steps };
    },
  };
}
