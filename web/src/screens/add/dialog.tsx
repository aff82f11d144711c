import { ChevronDown } from 'lucide-react';
import { type KeyboardEvent, useMemo, useRef, useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { readChecksum } from '../../checksum.ts';
import { useFacts } from '../../facts.tsx';
import { readLines } from '../../links.ts';
import { newKey } from '../../random.ts';
import { useServices } from '../../services.tsx';
import { Dialog, DialogBody, DialogFoot } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { show, useT } from '../../words/words.ts';
import { Found } from './found.tsx';
import { useProbes } from './use-probes.ts';
import { noWishes, type Wishes, WishFields } from './wishes.tsx';

/** Adds links: one a line. Looking at them never blocks adding them. */
export function AddDialog({ initialText, onClose }: { initialText: string; onClose(): void }) {
  const t = useT();
  const { live, toasts } = useServices();
  const { destinations } = useFacts();
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(initialText);
  const [destinationId, setDestinationId] = useState<string>();
  const [wishes, setWishes] = useState<Wishes>(noWishes);
  const [isMore, setIsMore] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [isAdding, setIsAdding] = useState(false);
  // One key for one submission: pressing Add again after a lost answer adds nothing twice. A changed text is another one.
  const key = useRef({ of: '', key: '' });

  const lines = useMemo(() => readLines(text), [text]);
  const links = useMemo(() => lines.filter(({ isLink }) => isLink).map((line) => line.text), [lines]);
  const probes = useProbes(links);
  const isSingle = links.length === 1;
  const checksum = wishes.checksum.trim() === '' ? undefined : readChecksum(wishes.checksum);
  const canAdd = links.length > 0 && !isAdding && !(isSingle && checksum === null);
  const chosen = destinations.find(({ id, isDefault }) => (destinationId === undefined ? isDefault : id === destinationId));
  const wantedBytes = links.reduce((sum, link) => {
    const probe = probes.get(link);
    return sum + (probe?.kind === 'found' ? (probe.resolution.files[0]?.sizeBytes ?? 0) : 0);
  }, 0);
  const isTooBig = chosen?.freeBytes != null && wantedBytes > chosen.freeBytes;

  async function add(paused: boolean) {
    if (!canAdd) return;
    setIsAdding(true);
    setProblem(null);
    const shared = {
      ...(destinationId === undefined ? {} : { destinationId }),
      ...(wishes.connections === '' ? {} : { connections: Number(wishes.connections) }),
      ...(wishes.limitMiB === ''
        ? {}
        : { limitBytesPerSecond: Math.max(1024, Math.round(Number(wishes.limitMiB) * 1024 ** 2)) }),
      ...(paused ? { paused } : {}),
    };
    const signature = JSON.stringify([links, wishes, shared]);
    if (key.current.of !== signature) key.current = { of: signature, key: newKey() };
    try {
      const only = links[0];
      if (isSingle && only !== undefined) {
        const name = wishes.name.trim();
        const row = await api.add(
          { url: only, ...shared, ...(name === '' ? {} : { name }), ...(checksum ? { checksum } : {}) },
          key.current.key,
        );
        live.store.putMany([row]);
        toasts.say(t('added.count', { count: 1 }));
        onClose();
        return;
      }
      // The server takes 5,000 links at once.
      let added = 0;
      const refused: { url: string; problem: string }[] = [];
      for (let start = 0; start < links.length; start += 5000) {
        const part = links.slice(start, start + 5000).map((url) => ({ url }));
        const { items } = await api.addMany({ links: part, ...shared }, `${key.current.key}-${start}`);
        const rows = items.map(({ download }) => download).filter((row) => row !== null);
        live.store.putMany(rows);
        added += rows.length;
        for (const item of items) if (item.download === null) refused.push({ url: item.url, problem: item.problem ?? '' });
      }
      if (refused.length === 0) {
        toasts.add({ text: t('added.count', { count: added }), tone: 'plain' });
        onClose();
        return;
      }
      // What was taken is gone from the field; what was refused stays, to be put right.
      setText(refused.map(({ url }) => url).join('\n'));
      setProblem(t('added.some', { count: added, refused: refused.length, why: refused[0]?.problem ?? '' }));
    } catch (error) {
      setProblem(sentenceOf(error));
    } finally {
      setIsAdding(false);
    }
  }

  function press(event: KeyboardEvent) {
    if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey || event.altKey)) return;
    event.preventDefault();
    void add(event.altKey);
  }

  return (
    <Dialog title={t('add.title')} onClose={onClose} initialFocus={area}>
      <form
        className="flex min-h-0 flex-1 flex-col"
        onKeyDown={press}
        onSubmit={(event) => {
          event.preventDefault();
          void add(false);
        }}
      >
        <DialogBody>
          <div className="flex flex-col gap-4">
            <Field label={t('add.links')} help={t('add.help')}>
              {(field) => (
                <textarea
                  {...field}
                  ref={area}
                  rows={Math.min(8, Math.max(3, lines.length + 1))}
                  className="field resize-y font-mono text-dense"
                  placeholder="https://…"
                  spellCheck={false}
                  autoCapitalize="none"
                  autoComplete="off"
                  value={text}
                  onChange={(event) => setText(event.target.value)}
                />
              )}
            </Field>
            <Found lines={lines} probes={probes} />
            {destinations.length > 0 && (
              <Field label={t('add.destination')} error={isTooBig ? t('add.tooBig', { size: show.bytes(wantedBytes) }) : null}>
                {(field) => (
                  <select {...field} value={chosen?.id ?? ''} onChange={(event) => setDestinationId(event.target.value)}>
                    {destinations.map(({ id, name, freeBytes }) => (
                      <option key={id} value={id}>
                        {freeBytes === null ? name : t('add.destinationFree', { name, size: show.bytes(freeBytes) })}
                      </option>
                    ))}
                  </select>
                )}
              </Field>
            )}
            <div>
              <button
                type="button"
                className="button quiet -ms-3"
                aria-expanded={isMore}
                aria-controls="add-more"
                onClick={() => setIsMore(!isMore)}
              >
                <ChevronDown size={16} className={isMore ? '' : '-rotate-90'} aria-hidden="true" />
                {t('add.more')}
              </button>
              <div id="add-more" hidden={!isMore} className="pt-2">
                <WishFields wishes={wishes} onChange={setWishes} isSingle={isSingle} isChecksumWrong={checksum === null} />
              </div>
            </div>
            {problem !== null && (
              <p role="alert" className="text-bad">
                {problem}
              </p>
            )}
          </div>
        </DialogBody>
        <DialogFoot>
          <span className="me-auto hidden text-dense text-muted tablet:block">{t('add.keys')}</span>
          <button type="button" className="button" disabled={!canAdd} onClick={() => add(true)}>
            {t('add.paused')}
          </button>
          <button type="submit" className="button primary" disabled={!canAdd}>
            {t('add.submit', { count: links.length })}
          </button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}
