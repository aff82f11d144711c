import type { z } from 'zod';
import type { ListedWishes, Removal, Submission, Which } from '#control/control.ts';
import type { Download } from '#core/download.ts';
import type { addDownload, addMany, bulkAction, removal } from '../contract/shapes.ts';
import type { Desk, Handlers } from '../handlers.ts';
import { notFound } from '../problem.ts';
import { viewDownload } from '../views.ts';
import { readMetalink } from './metalink.ts';

const pageSize = 100;
const mostProblems = 100;
const mostIds = 10_000;

export function downloadHandlers(
  desk: Desk,
): Handlers<
  | 'addDownload'
  | 'addMany'
  | 'listDownloads'
  | 'getDownload'
  | 'changeDownload'
  | 'removeDownload'
  | 'deleteDownloads'
  | 'actOnDownloads'
  | 'restoreDownload'
  | `${'pause' | 'resume' | 'retry' | 'cancel'}Download`
> {
  const { control } = desk;
  const view = (download: Download) => viewDownload(control, download);
  return {
    async addDownload({ body, headers }, { ownerId, reply }) {
      const { url, document, ...wishes } = body;
      const link = document === undefined ? (url ?? '') : await desk.linkOf(document);
      const submission = { ...toSubmission({ url: link, ...wishes }), document };
      const download = await control.submit(ownerId, submission, headers['idempotency-key']);
      reply.header('location', `/api/v1/downloads/${download.id}`);
      return view(download);
    },
    async addMany({ body: { links: given = [], metalink, files, ...wishes }, headers }, { ownerId }) {
      const key = headers['idempotency-key'];
      const listed = metalink === undefined ? null : await readMetalink(desk, metalink, files);
      const links = listed === null ? given : listed.map((file) => ({ url: file.links[0] ?? '' }));
      const results =
        listed === null
          ? await control.submitMany(
              ownerId,
              given.map((link) => toSubmission({ ...wishes, ...link })),
              key,
            )
          : await control.submitListed(ownerId, listed, toListedWishes(wishes), key);
      const items = results.map((result, index) => {
        // The link as it was sent, not as it is shown: the sender looks its own line up by it.
        const url = links[index]?.url ?? '';
        if ('problem' in result) return { url, download: null, problem: result.problem };
        return { url, download: view(result), problem: null };
      });
      return { items };
    },
    async listDownloads({ query: { state, ids, limit = pageSize, ...rest } }, { ownerId }) {
      if (ids !== undefined) {
        const named = await control.getMany(ownerId, [...new Set(ids.split(','))]);
        return { items: named.map(view), nextCursor: null, counts: await control.countsOf(ownerId) };
      }
      const page = await control.list(ownerId, { ...rest, filter: state, limit, of: 'list' });
      return { ...page, items: page.items.map(view) };
    },
    async getDownload({ params }, { ownerId }) {
      const download = await control.get(ownerId, params.id);
      if (download === null) throw notFound();
      return view(download);
    },
    async changeDownload({ params, body: { name, destinationId, priority, place, ...options } }, { ownerId }) {
      return view(await control.change(ownerId, params.id, { name, destinationId, priority, place, options }));
    },
    async removeDownload({ params, query }, { ownerId }) {
      await control.remove(ownerId, params.id, removalOf(query.files));
    },
    async deleteDownloads({ body: { ids, query, files = false } }, { ownerId }) {
      const deed = { action: 'remove', ...removalOf(files ? 'true' : 'false') } as const;
      const results = await control.actOnMany(ownerId, deed, whichOf({ ids, query }));
      return { items: results.map(({ id, problem }) => ({ id, ok: problem === null, problem })) };
    },
    async actOnDownloads({ body: { action, ids, query, files } }, { ownerId }) {
      const deed = action === 'remove' ? { action, ...removalOf(files) } : { action };
      const results = await control.actOnMany(ownerId, deed, whichOf({ ids, query }));
      const done = results.filter(({ problem }) => problem === null).map(({ id }) => id);
      const problems = results.flatMap(({ id, problem }) => (problem === null ? [] : [{ id, problem }]));
      return {
        doneCount: done.length,
        problemCount: problems.length,
        problems: problems.slice(0, mostProblems),
        ids: done.slice(0, mostIds),
      };
    },
    pauseDownload: async ({ params }, { ownerId }) => view(await control.pause(ownerId, params.id)),
    resumeDownload: async ({ params }, { ownerId }) => view(await control.resume(ownerId, params.id)),
    async retryDownload({ params, body }, { ownerId }) {
      const { from, name, destinationId, ...options } = body ?? {};
      return view(await control.retry(ownerId, params.id, { from, name, destinationId, options }));
    },
    cancelDownload: async ({ params }, { ownerId }) => view(await control.cancel(ownerId, params.id)),
    restoreDownload: async ({ params }, { ownerId }) => view(await control.restore(ownerId, params.id)),
  };
}

function removalOf(files: z.output<typeof removal> = 'false'): Removal {
  return { files: ({ false: 'keep', true: 'trash', now: 'now' } as const)[files] };
}

function whichOf({ ids, query }: Pick<z.output<typeof bulkAction>, 'ids' | 'query'>): Which {
  return ids !== undefined ? { ids } : { filter: query?.state, q: query?.q, isTrash: query?.trash };
}

function toListedWishes({
  destinationId,
  paused,
  ...options
}: Omit<z.output<typeof addMany>, 'links' | 'metalink'>): ListedWishes {
  return { destinationId, paused, options };
}

type Added = Omit<z.output<typeof addDownload>, 'url' | 'document'> & { url: string };

function toSubmission({ url, destinationId, paused, ...options }: Added): Submission {
  return { link: url, destinationId, paused, options };
}
