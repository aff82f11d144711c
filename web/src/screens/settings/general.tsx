import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { settingsQuery } from '../../facts.tsx';
import { useServices } from '../../services.tsx';
import type { Settings } from '../../types.ts';
import { Field } from '../../ui/field.tsx';
import { ErrorState, Loading } from '../../ui/states.tsx';
import { useT } from '../../words/words.ts';
import { ProxySetting } from './proxies.tsx';

const fields = [
  { name: 'parallelDownloads', most: 64 },
  { name: 'connections', most: 32 },
  { name: 'maxTries', most: 50 },
] as const satisfies { name: keyof Settings; most: number }[];
type Name = (typeof fields)[number]['name'];

export function General() {
  const settings = useQuery(settingsQuery);
  if (settings.isPending) return <Loading />;
  if (settings.isError) return <ErrorState error={settings.error} onRetry={settings.refetch} />;
  return (
    <div className="grid gap-5 tablet:max-w-96">
      {fields.map(({ name, most }) => (
        <NumberSetting key={name} name={name} most={most} saved={settings.data[name]} />
      ))}
      <ProxySetting saved={settings.data.proxies} />
    </div>
  );
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
