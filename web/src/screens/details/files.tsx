import { useQuery } from '@tanstack/react-query';
import { Download as DownloadIcon } from 'lucide-react';
import { api } from '../../api.ts';
import type { Download } from '../../types.ts';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { show, useT } from '../../words/words.ts';

export function Files({ row }: { row: Download }) {
  const t = useT();
  // The state is part of the key: files become available when the download completes.
  const { data, error, refetch } = useQuery({ queryKey: ['files', row.id, row.state], queryFn: () => api.files(row.id) });
  if (error !== null) return <ErrorState error={error} onRetry={refetch} />;
  if (data === undefined) return <Loading />;
  if (data.length === 0) return <p className="text-muted">{t('files.none')}</p>;
  return (
    <ul className="card max-w-240 bg-bg">
      {data.map((file) => (
        <li key={file.index} className="flex flex-wrap items-center gap-3 border-b border-hairline px-3 py-2 last:border-b-0">
          <div className="min-w-48 flex-1">
            <p className="font-medium break-all">{file.path}</p>
            {file.location !== null && <p className="text-dense break-all text-muted">{file.location}</p>}
          </div>
          <span>{file.sizeBytes === null ? t('value.unknown') : show.bytes(file.sizeBytes)}</span>
          {file.available ? (
            <a className="button" href={api.fileLink(row.id, file.index)} download={file.path.split('/').at(-1)}>
              <DownloadIcon size={16} aria-hidden="true" />
              {t('files.save')}
            </a>
          ) : (
            <span className="text-dense text-muted">{t('files.notYet')}</span>
          )}
        </li>
      ))}
    </ul>
  );
}
