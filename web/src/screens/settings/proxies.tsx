import { useMutation, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { useServices } from '../../services.tsx';
import type { Settings } from '../../types.ts';
import { Field, Lines } from '../../ui/field.tsx';
import { useT } from '../../words/words.ts';

type Rules = Settings['proxies'];

/** Rules as lines of text: a host and its proxy. Saves itself when it is left. */
export function ProxySetting({ saved }: { saved: Rules }) {
  const t = useT();
  const { toasts } = useServices();
  const queries = useQueryClient();
  const [typed, setTyped] = useState<string | null>(null);
  const save = useMutation({
    mutationFn: (proxies: Rules) => api.changeSettings({ proxies }),
    onSuccess: (settings) => {
      queries.setQueryData(['settings'], settings);
      setTyped(null);
      toasts.add({ text: t('settings.saved'), tone: 'plain' });
    },
  });
  const rules = typed === null ? saved : readRules(typed);
  const commit = () => {
    if (typed === null || rules === null) return;
    if (linesOf(rules) === linesOf(saved)) setTyped(null);
    else save.mutate(rules);
  };
  return (
    <Field
      label={t('setting.proxies')}
      help={t('setting.proxiesHelp')}
      error={rules === null ? t('setting.proxiesWrong') : save.error && sentenceOf(save.error)}
    >
      {(field) => (
        <Lines
          {...field}
          rows={Math.min(8, Math.max(3, saved.length + 1))}
          value={typed ?? linesOf(saved)}
          onChange={(event) => setTyped(event.target.value)}
          onBlur={commit}
        />
      )}
    </Field>
  );
}

/** null: a line is no rule. */
function readRules(text: string): Rules | null {
  const lines = text.split('\n').map((line) => line.trim().split(/\s+/));
  const rules = lines.filter(([host]) => host !== '');
  return rules.every((words) => words.length === 2) ? rules.map(([host = '', proxy = '']) => ({ host, proxy })) : null;
}

function linesOf(rules: Rules): string {
  return rules.map(({ host, proxy }) => `${host} ${proxy}`).join('\n');
}
