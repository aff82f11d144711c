import { useQuery, useQueryClient } from '@tanstack/react-query';
import { api } from '../../../api.ts';
import { settingsQuery } from '../../../facts.tsx';
import type { ChangeSettings } from '../../../types.ts';
import { SavedField } from '../../../ui/saved-field.tsx';
import { ErrorState, Loading } from '../../../ui/states.tsx';
import { readMebibytes, showMebibytes } from '../../../words/limits.ts';
import { useT } from '../../../words/words.ts';
import { HostRules } from './host-rules.tsx';
import { TimetableEditor } from './timetable.tsx';
import { UserLimits } from './user-limits.tsx';

export function Limits() {
  const t = useT();
  const queries = useQueryClient();
  const settings = useQuery(settingsQuery);
  if (settings.isPending) return <Loading />;
  if (settings.isError) return <ErrorState error={settings.error} onRetry={settings.refetch} />;
  const { limitBytesPerSecond, limitedBytesPerSecond, hostRules, timetable, timeZone } = settings.data;
  const save = async (change: ChangeSettings) => {
    queries.setQueryData(['settings'], await api.changeSettings(change));
  };
  return (
    <>
      <div className="grid gap-5 tablet:grid-cols-2">
        <SavedField
          label={t('limits.all')}
          help={t('limits.allHelp')}
          inputMode="decimal"
          placeholder={t('add.noLimit')}
          saved={limitBytesPerSecond}
          show={showMebibytes}
          read={readMebibytes}
          wrong={t('limits.notASpeed')}
          save={(value) => save({ limitBytesPerSecond: value })}
        />
        <SavedField<number>
          label={t('limits.slow')}
          help={t('limits.slowHelp')}
          inputMode="decimal"
          saved={limitedBytesPerSecond}
          show={showMebibytes}
          read={(text) => readMebibytes(text) ?? undefined}
          wrong={t('limits.notASpeed')}
          save={(value) => save({ limitedBytesPerSecond: value })}
        />
      </div>
      <section aria-labelledby="timetable" className="flex flex-col gap-2">
        <h2 id="timetable" className="text-large">
          {t('timetable.title')}
        </h2>
        <TimetableEditor saved={timetable} timeZone={timeZone} save={(week) => save({ timetable: week })} />
      </section>
      <section aria-labelledby="hosts" className="flex flex-col gap-2">
        <h2 id="hosts" className="text-large">
          {t('hosts.title')}
        </h2>
        <HostRules rules={hostRules} save={(rules) => save({ hostRules: rules })} />
      </section>
      <section aria-labelledby="users" className="flex flex-col gap-2">
        <h2 id="users" className="text-large">
          {t('users.title')}
        </h2>
        <UserLimits />
      </section>
    </>
  );
}
