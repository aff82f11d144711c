import { useMutation } from '@tanstack/react-query';
import { Plus } from 'lucide-react';
import { type FormEvent, useState } from 'react';
import { sentenceOf } from '../../../actions.ts';
import { useServices } from '../../../services.tsx';
import type { HostRule } from '../../../types.ts';
import { Field } from '../../../ui/field.tsx';
import { SavedField } from '../../../ui/saved-field.tsx';
import { readCount, readMebibytes, showCount, showMebibytes } from '../../../words/limits.ts';
import { useT } from '../../../words/words.ts';

const mostConnections = 256;
const mostDownloads = 64;

type Props = { rules: HostRule[]; save(rules: HostRule[]): Promise<unknown> };

/** What each host may be asked for; the first rule that fits counts, so their order can be seen and new ones go on top. */
export function HostRules({ rules, save }: Props) {
  const t = useT();
  const { toasts } = useServices();
  const [host, setHost] = useState('');
  const change = useMutation({
    mutationFn: save,
    onSuccess: () => {
      setHost('');
      toasts.add({ text: t('settings.saved'), tone: 'plain' });
    },
  });
  const replace = (index: number, part: Partial<HostRule>) =>
    save(rules.map((rule, at) => (at === index ? { ...rule, ...part } : rule)));
  const add = (event: FormEvent) => {
    event.preventDefault();
    const name = host.trim().toLowerCase();
    if (name === '') return;
    change.mutate([{ host: name, bytesPerSecond: null, connections: null, downloads: null }, ...rules]);
  };
  return (
    <>
      <p className="text-muted">{t('hosts.intro')}</p>
      <form className="flex flex-wrap items-start gap-2" onSubmit={add}>
        <Field
          label={t('hosts.host')}
          help={t('hosts.hostHelp')}
          error={change.error && sentenceOf(change.error)}
          className="min-w-56 flex-1"
        >
          {(field) => (
            <input
              {...field}
              spellCheck={false}
              autoCapitalize="none"
              value={host}
              onChange={(event) => setHost(event.target.value)}
            />
          )}
        </Field>
        <button type="submit" className="button primary mt-6" disabled={host.trim() === '' || change.isPending}>
          <Plus size={16} strokeWidth={2.5} aria-hidden="true" />
          {t('hosts.add')}
        </button>
      </form>
      <ul className="flex flex-col gap-3">
        {rules.map((rule, index) => (
          <li key={rule.host}>
            <fieldset className="card flex flex-wrap items-end gap-x-5 gap-y-3 px-3 py-2.5">
              <legend className="px-1 font-medium break-all">{rule.host}</legend>
              <SavedField
                label={t('hosts.speed')}
                inputMode="decimal"
                placeholder={t('add.noLimit')}
                saved={rule.bytesPerSecond}
                show={showMebibytes}
                read={readMebibytes}
                wrong={t('limits.notASpeed')}
                save={(value) => replace(index, { bytesPerSecond: value })}
              />
              <SavedField
                label={t('hosts.connections')}
                placeholder={t('add.noLimit')}
                saved={rule.connections}
                show={showCount}
                read={readCount(mostConnections)}
                wrong={t('setting.range', { least: 1, most: mostConnections })}
                save={(value) => replace(index, { connections: value })}
              />
              <SavedField
                label={t('hosts.downloads')}
                placeholder={t('add.noLimit')}
                saved={rule.downloads}
                show={showCount}
                read={readCount(mostDownloads)}
                wrong={t('setting.range', { least: 1, most: mostDownloads })}
                save={(value) => replace(index, { downloads: value })}
              />
              <button
                type="button"
                className="button danger"
                aria-label={t('hosts.removeName', { host: rule.host })}
                onClick={() => change.mutate(rules.filter((_, at) => at !== index))}
              >
                {t('action.remove')}
              </button>
            </fieldset>
          </li>
        ))}
      </ul>
    </>
  );
}
