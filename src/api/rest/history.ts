import type { Desk, Handlers } from '../handlers.ts';
import { viewDownload } from '../views.ts';

const pageSize = 100;

export function historyHandlers({ control }: Desk): Handlers<'listHistory' | 'clearHistory'> {
  return {
    async listHistory({ query: { state, limit = pageSize, trash, ...rest } }, { ownerId }) {
      const page = await control.list(ownerId, { ...rest, filter: state, limit, of: 'history', isTrash: trash === 'true' });
      return { ...page, items: page.items.map((download) => viewDownload(control, download)) };
    },
    clearHistory: async ({ query: { state, q } }, { ownerId }) => ({
      removed: await control.clearHistory(ownerId, { filter: state, q }),
    }),
  };
}
