import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../../../api.ts';
import type { UserLimits as Limits } from '../../../types.ts';
import { SavedField } from '../../../ui/saved-field.tsx';
import { ErrorState, Loading } from '../../../ui/states.tsx';
import { readCount, readMebibytes, showCount, showMebibytes } from '../../../words/limits.ts';
import { useT } from '../../../words/words.ts';

const most = 10_000;
const mostQueued = 10_000_000;
const mostWeight = 1000;

/** What each user is allowed. */
export function UserLimits() {
  const t = useT();
  const queries = useQueryClient();
  const users = useQuery({ queryKey: ['users'], queryFn: api.users });
  if (users.isPending) return <Loading />;
  if (users.isError) return <ErrorState error={users.error} onRetry={users.refetch} />;
  const save = async (id: string, change: Partial<Limits>) => {
    await api.changeUserLimits(id, change);
    await queries.invalidateQueries({ queryKey: ['users'] });
  };
  return (
    <ul className="flex flex-col gap-3">
      {users.data.map(({ id, name, limitBytesPerSecond, maxActive, maxQueued, maxBytesPerDownload, weight }) => (
        <li key={id}>
          <fieldset className="card flex flex-wrap gap-x-5 gap-y-3 px-3 py-2.5">
            <legend className="px-1 font-medium">{name}</legend>
            <SavedField
              label={t('users.speed')}
              inputMode="decimal"
              placeholder={t('add.noLimit')}
              saved={limitBytesPerSecond}
              show={showMebibytes}
              read={readMebibytes}
              wrong={t('limits.notASpeed')}
              save={(value) => save(id, { limitBytesPerSecond: value })}
            />
            <SavedField
              label={t('users.downloads')}
              placeholder={t('add.noLimit')}
              saved={maxActive}
              show={showCount}
              read={readCount(most)}
              wrong={t('setting.range', { least: 1, most })}
              save={(value) => save(id, { maxActive: value })}
            />
            <SavedField
              label={t('users.queued')}
              placeholder={t('add.noLimit')}
              saved={maxQueued}
              show={showCount}
              read={readCount(mostQueued)}
              wrong={t('setting.range', { least: 1, most: mostQueued })}
              save={(value) => save(id, { maxQueued: value })}
            />
            <SavedField
              label={t('users.size')}
              inputMode="decimal"
              placeholder={t('add.noLimit')}
              saved={maxBytesPerDownload}
              show={showMebibytes}
              read={readMebibytes}
              wrong={t('users.notASize')}
              save={(value) => save(id, { maxBytesPerDownload: value })}
            />
            <SavedField
              label={t('users.weight')}
              help={t('users.weightHelp')}
              saved={weight}
              show={String}
              read={(text) => readCount(mostWeight)(text) ?? undefined}
              wrong={t('setting.range', { least: 1, most: mostWeight })}
              save={(value) => save(id, { weight: value })}
            />
          </fieldset>
        </li>
      ))}
    </ul>
  );
}
