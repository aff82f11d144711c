import { type DragEvent, type KeyboardEvent, useMemo, useRef, useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { readChecksum } from '../../checksum.ts';
import { useFacts } from '../../facts.tsx';
import { isMetalinkText, readLines } from '../../links.ts';
import { type ListDocument, readListFile } from '../../list-file.ts';
import { newKey } from '../../random.ts';
import { useServices } from '../../services.tsx';
import type { AddMany } from '../../types.ts';
import { Dialog, DialogBody, DialogFoot } from '../../ui/dialog.tsx';
import { Field } from '../../ui/field.tsx';
import { show, useT } from '../../words/words.ts';
import { Fold } from './fold.tsx';
import { Found } from './found.tsx';
import { ListChoice } from './list-choice.tsx';
import { noRequest, type RequestForm, toRequest } from './request.ts';
import { RequestFields } from './request-fields.tsx';
import { useProbes } from './use-probes.ts';
import { noWishes, timesOf, type Wishes, WishFields } from './wishes.tsx';

const mostLinks = 10_000;

type Props = { initialText: string; initialDocument: ListDocument | null; onClose(): void };

/** Adds links: one a line. Looking at them never blocks adding them. */
export function AddDialog({ initialText, initialDocument, onClose }: Props) {
  const t = useT();
  const { live, toasts } = useServices();
  const { destinations } = useFacts();
  const area = useRef<HTMLTextAreaElement>(null);
  const [text, setText] = useState(initialText);
  const [destinationId, setDestinationId] = useState<string>();
  const [wishes, setWishes] = useState<Wishes>(noWishes);
  const [document, setDocument] = useState(initialDocument);
  const [form, setForm] = useState<RequestForm>(noRequest);
  // What the looks ask with: not every letter of a password that is being typed.
  const [lookForm, setLookForm] = useState<RequestForm>(noRequest);
  const [problem, setProblem] = useState<string | null>(null);
  const [isAdding, setIsAdding] = useState(false);
  // One key for one submission: pressing Add again after a lost answer adds nothing twice. A changed text is another one.
  const key = useRef({ of: '', key: '' });

  const lines = useMemo(() => readLines(text), [text]);
  const links = useMemo(() => lines.filter(({ isLink }) => isLink).map((line) => line.text), [lines]);
  const request = toRequest(form);
  const probes = useProbes(links, toRequest(lookForm) ?? undefined);
  const isSingle = links.length === 1;
  const checksum = wishes.checksum.trim() === '' ? undefined : readChecksum(wishes.checksum);
  const canAdd = (links.length > 0 || document !== null) && !isAdding && !(isSingle && checksum === null) && request !== null;
  const chosen = destinations.find(({ id, isDefault }) => (destinationId === undefined ? isDefault : id === destinationId));
  const wantedBytes = links.reduce((sum, link) => {
    const probe = probes.get(link);
    if (probe?.kind !== 'found') return sum;
    return probe.resolution.files.reduce((all, { sizeBytes }) => all + (sizeBytes ?? 0), sum);
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
      ...timesOf(wishes),
      ...(paused ? { paused } : {}),
      ...(request ? { request } : {}),
    };
    const signature = JSON.stringify([links, wishes, shared, document]);
    if (key.current.of !== signature) key.current = { of: signature, key: newKey() };
    try {
      const only = links[0];
      if (isSingle && only !== undefined && document === null) {
        const name = wishes.name.trim();
        const mirrors = readLines(wishes.mirrors).map((line) => line.text);
        const own = {
          ...(name === '' ? {} : { name }),
          ...(mirrors.length === 0 ? {} : { mirrors }),
          ...(checksum ? { checksum } : {}),
        };
        const row = await api.add({ url: only, ...shared, ...own }, key.current.key);
        live.store.putMany([row]);
        toasts.say(t('added.count', { count: 1 }));
        onClose();
        return;
      }
      // The server takes 10,000 links at once.
      const parts: AddMany[] = document === null ? [] : [{ metalink: document.text, ...shared }];
      for (let start = 0; start < links.length; start += mostLinks) {
        parts.push({ links: links.slice(start, start + mostLinks).map((url) => ({ url })), ...shared });
      }
      let added = 0;
      const refused: { url: string; problem: string }[] = [];
      for (const [index, part] of parts.entries()) {
        const { items } = await api.addMany(part, `${key.current.key}-${index}`);
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
      setDocument(null);
      setText(refused.map(({ url }) => url).join('\n'));
      setProblem(t('added.some', { count: added, refused: refused.length, why: refused[0]?.problem ?? '' }));
    } catch (error) {
      setProblem(sentenceOf(error));
    } finally {
      setIsAdding(false);
    }
  }

  async function takeFile(file: File) {
    const listed = await readListFile(file);
    setProblem(null);
    if (listed.kind === 'document') setDocument(listed.document);
    else if (listed.kind === 'links') setText((typed) => `${typed.trimEnd()}\n${listed.text}`.trimStart());
    else setProblem(t('drop.noList', { name: file.name }));
  }

  function type(typed: string) {
    if (!isMetalinkText(typed)) return setText(typed);
    setDocument({ name: t('add.documentPasted'), text: typed });
    setText('');
  }

  function drop(event: DragEvent) {
    const file = event.dataTransfer.files[0];
    if (file === undefined) return;
    event.preventDefault();
    void takeFile(file);
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
        onDragOver={(event) => event.dataTransfer.types.includes('Files') && event.preventDefault()}
        onDrop={drop}
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
                  onChange={(event) => type(event.target.value)}
                />
              )}
            </Field>
            <ListChoice document={document} onChoose={(file) => void takeFile(file)} onRemove={() => setDocument(null)} />
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
            <Fold title={t('add.more')}>
              <WishFields wishes={wishes} onChange={setWishes} isSingle={isSingle} isChecksumWrong={checksum === null} />
            </Fold>
            {/* biome-ignore lint/a11y/noStaticElementInteractions: it only notices when the fields in it are left */}
            <div onBlur={() => setLookForm(form)}>
              <Fold title={t('add.request')}>
                <RequestFields form={form} onChange={setForm} areHeadersWrong={request === null} />
              </Fold>
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
