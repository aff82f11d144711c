import { useQuery } from '@tanstack/react-query';
import { statsQuery } from '../facts.tsx';
import { useCell, useServices } from '../services.tsx';
import { show, useT } from '../words/words.ts';

export function Footer() {
  const t = useT();
  const { live } = useServices();
  const isConnected = useCell(live.isConnected);
  const stats = useQuery(statsQuery).data;
  return (
    <footer className="hidden h-7 flex-none items-center gap-4 border-t border-hairline bg-surface px-3 text-caption text-muted tablet:flex">
      {stats && (
        <>
          <span>{t('footer.workers', { online: stats.workersOnline, total: stats.workersTotal })}</span>
          {stats.freeBytes !== null && <span>{t('footer.free', { size: show.bytes(stats.freeBytes) })}</span>}
          <span>{t('footer.fetched', { size: show.bytes(stats.fetchedBytesTotal) })}</span>
        </>
      )}
      <span className="ms-auto flex items-center gap-1.5">
        <span className={`size-2 rounded-full ${isConnected ? 'bg-good' : 'bg-warn'}`} aria-hidden="true" />
        {t(isConnected ? 'footer.live' : 'footer.reconnecting')}
      </span>
      {stats && <span>{stats.version}</span>}
    </footer>
  );
}
