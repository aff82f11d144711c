import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { settingsQuery } from '../../facts.tsx';
import { useServices } from '../../services.tsx';
import type { ChangeSettings, Settings } from '../../types.ts';
import { Field } from '../../ui/field.tsx';
import { SavedField } from '../../ui/saved-field.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { readCount, showCount } from '../../words/limits.ts';
import { useT } from '../../words/words.ts';
import { ProxySetting } from './proxies.tsx';

const fields = [
  { name: 'parallelDownloads', most: 64 },
  { name: 'connections', most: 32 },
  { name: 'maxTries', most: 50 },
] as const satisfies { name: keyof Settings; most: number }[];
type Name = (typeof fields)[number]['name'];

const mostTrashDays = 3650;
const mostHistoryDays = 36_500;

export function General() {
  const t = useT();
  const queries = useQueryClient();
  const settings = useQuery(settingsQuery);
  const save = async (change: ChangeSettings) => queries.setQueryData(['settings'], await api.changeSettings(change));
  if (settings.isPending) return <Loading />;
  if (settings.isError) return <ErrorState error={settings.error} onRetry={settings.refetch} />;
  return (
    <div className="grid gap-5 tablet:max-w-96">
      {fields.map(({ name, most }) => (
        <NumberSetting key={name} name={name} most={most} saved={settings.data[name]} />
      ))}
      <ProxySetting saved={settings.data.proxies} />
      <SavedField
        label={t('setting.trashDays')}
        help={t('setting.trashDaysHelp')}
        saved={settings.data.trashDays}
        show={String}
        read={(text) => readDays(text, 0, mostTrashDays)}
        wrong={t('setting.range', { least: 0, most: mostTrashDays })}
        save={(trashDays) => save({ trashDays })}
      />
      <SavedField
        label={t('setting.keepHistoryDays')}
        help={t('setting.keepHistoryDaysHelp')}
        placeholder={t('setting.forEver')}
        saved={settings.data.keepHistoryDays}
        show={showCount}
        read={readCount(mostHistoryDays)}
        wrong={t('setting.range', { least: 1, most: mostHistoryDays })}
        save={(keepHistoryDays) => save({ keepHistoryDays })}
      />
    </div>
  );
}

function readDays(text: string, least: number, most: number): number | undefined {
  const days = text.trim() === '' ? Number.NaN : Number(text);
  return Number.isInteger(days) && days >= least && days <= most ? days : undefined;
}

/** Saves itself when it is left or Enter is pressed: no button that could be forgotten. */
function NumberSetting({ name, most, saved }: { name: Name; most: number; saved: number }) {
  const t = useT();
  const { toasts } = useServices();
  const queries = useQueryClient();
  const [typed, setTyped] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: (value: number) => api.changeSettings({ [name]: value }),
    onSuccess: (settings) => {
      queries.setQueryData(['settings'], settings);
      setTyped(null);
      toasts.add({ text: t('settings.saved'), tone: 'plain' });
    },
  });
  const value = Number(typed);
  const isWrong = typed !== null && !(Number.isInteger(value) && value >= 1 && value <= most);
  const commit = () => {
    if (typed === null || isWrong) return;
    if (value === saved) setTyped(null);
    else save.mutate(value);
  };
  return (
    <Field
      label={t(`setting.${name}`)}
      help={t(`setting.${name}Help`)}
      error={isWrong ? t('setting.range', { least: 1, most }) : save.error && sentenceOf(save.error)}
    >
      {(field) => (
        <input
          {...field}
          className="field max-w-32"
          type="number"
          min={1}
          max={most}
          value={typed ?? saved}
          onChange={(event) => setTyped(event.target.value)}
          onBlur={commit}
          onKeyDown={(event) => event.key === 'Enter' && commit()}
        />
      )}
    </Field>
  );
}
