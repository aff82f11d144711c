import type { Desk, Handlers } from '../handlers.ts';
import { notFound } from '../problem.ts';

export function tokenHandlers({ users }: Desk): Handlers<'listTokens' | 'addToken' | 'removeToken'> {
  return {
    listTokens: (_, { ownerId }) => users.tokensOf(ownerId),
    addToken: ({ body }, { ownerId }) => users.addToken(ownerId, body),
    async removeToken({ params }, { ownerId }) {
      if (!(await users.removeToken(ownerId, params.id))) throw notFound('API token');
    },
  };
}
