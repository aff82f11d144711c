import type { Download } from '#core/download.ts';
import { logLevels } from '#core/log.ts';
import { sendContent } from '../content.ts';
import type { Desk, Handlers } from '../handlers.ts';
import { notFound } from '../problem.ts';
import { viewFiles, viewPieces, viewReceipt } from '../views.ts';

export function downloadPartHandlers({
  control,
  openContent,
}: Desk): Handlers<
  'listFiles' | 'getFileContent' | 'listDownloadEvents' | 'getDownloadLog' | 'listAttempts' | 'getPieces' | 'getReceipt'
> {
  async function find(ownerId: string, id: string): Promise<Download> {
    const download = await control.get(ownerId, id);
    if (download === null) throw notFound();
    return download;
  }
  return {
    async listFiles({ params: { id }, query: { cursor = 0, limit } }, { ownerId }) {
      const download = await find(ownerId, id);
      const receipt = await control.receipt(ownerId, id);
      const live = download.state === 'active' && receipt === null ? await control.lookClosely(id) : null;
      const deliveredFiles = new Map(receipt?.files.map((file) => [file.index, file]));
      const known = receipt === null ? await control.files(ownerId, id) : [];
      const page = viewFiles(download, known, receipt, live)
        .filter(({ index }) => index >= cursor)
        .slice(0, limit);
      const files = page.map(async (file) => {
        const delivered = deliveredFiles.get(file.index);
        return { ...file, available: delivered !== undefined && (await openContent(id, file.index, delivered)) !== null };
      });
      return Promise.all(files);
    },
    async getFileContent({ params: { id, index } }, { ownerId, request, reply }) {
      await find(ownerId, id);
      const delivered = (await control.receipt(ownerId, id))?.files.find((file) => file.index === index);
      const content = delivered === undefined ? null : await openContent(id, index, delivered);
      if (content === null) throw notFound('delivered file here');
      await sendContent(request, reply, content);
    },
    async listDownloadEvents({ params: { id } }, { ownerId }) {
      await find(ownerId, id);
      return control.timeline(ownerId, id);
    },
    listAttempts: ({ params: { id } }, { ownerId }) => control.attempts(ownerId, id),
    async getDownloadLog({ params: { id }, query: { level = 'debug' } }, { ownerId }) {
      await find(ownerId, id);
      const least = logLevels.indexOf(level);
      return (await control.log(ownerId, id)).filter((entry) => logLevels.indexOf(entry.level) >= least);
    },
    async getPieces({ params: { id } }, { ownerId }) {
      const download = await find(ownerId, id);
      return viewPieces(download, download.state === 'active' ? await control.lookClosely(id) : null);
    },
    async getReceipt({ params: { id } }, { ownerId }) {
      await find(ownerId, id);
      const receipt = await control.receipt(ownerId, id);
      if (receipt === null) throw notFound('receipt: a download has one when it is completed');
      return viewReceipt(receipt);
    },
  };
}
