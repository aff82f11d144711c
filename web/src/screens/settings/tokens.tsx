import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { KeyRound, Plus } from 'lucide-react';
import { useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Token } from '../../types.ts';
import { Confirm } from '../../ui/confirm.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { show, useT } from '../../words/words.ts';
import { TokenDialog } from './token-dialog.tsx';

export function Tokens() {
  const t = useT();
  const { toasts } = useServices();
  const queries = useQueryClient();
  const tokens = useQuery({ queryKey: ['tokens'], queryFn: api.tokens });
  const [isAdding, setIsAdding] = useState(false);
  const [revoking, setRevoking] = useState<Token | null>(null);
  const refresh = () => queries.invalidateQueries({ queryKey: ['tokens'] });
  const revoke = useMutation({
    mutationFn: api.removeToken,
    onSuccess: () => {
      toasts.add({ text: t('tokens.revoked'), tone: 'plain' });
      void refresh();
    },
    onError: (error) => void toasts.add({ text: sentenceOf(error), tone: 'bad' }),
  });
  if (tokens.isPending) return <Loading />;
  if (tokens.isError) return <ErrorState error={tokens.error} onRetry={tokens.refetch} />;
  return (
    <>
      <p className="text-muted">{t('tokens.intro')}</p>
      {tokens.data.length === 0 && <p>{t('tokens.none')}</p>}
      <ul className="flex flex-col gap-3">
        {tokens.data.map((token) => (
          <li key={token.id} className="card flex flex-wrap items-center gap-3 px-3 py-2.5">
            <KeyRound size={20} className="flex-none text-muted" aria-hidden="true" />
            <div className="min-w-48 flex-1">
              <p className="font-medium break-all">{token.name}</p>
              <p className="text-dense text-muted">{token.scopes.join(', ')}</p>
              <p className="text-dense text-muted">
                {token.usedAtMs === null ? t('tokens.neverUsed') : t('tokens.used', { time: show.time(token.usedAtMs) })}
                {' · '}
                {token.expiresAtMs === null ? t('tokens.noExpiry') : t('tokens.expires', { day: show.day(token.expiresAtMs) })}
              </p>
            </div>
            <button
              type="button"
              className="button danger"
              aria-label={t('tokens.revokeName', { name: token.name })}
              onClick={() => setRevoking(token)}
            >
              {t('tokens.revoke')}
            </button>
          </li>
        ))}
      </ul>
      <button type="button" className="button primary self-start" onClick={() => setIsAdding(true)}>
        <Plus size={16} strokeWidth={2.5} aria-hidden="true" />
        {t('tokens.add')}
      </button>
      {isAdding && <TokenDialog onClose={() => setIsAdding(false)} onMade={refresh} />}
      {revoking !== null && (
        <Confirm
          title={t('tokens.revokeTitle')}
          text={t('tokens.revokeText', { name: revoking.name })}
          confirm={t('tokens.revoke')}
          onConfirm={() => revoke.mutate(revoking.id)}
          onClose={() => setRevoking(null)}
        />
      )}
    </>
  );
}
