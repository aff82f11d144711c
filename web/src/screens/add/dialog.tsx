import { useQuery } from '@tanstack/react-query';
import { type DragEvent, type KeyboardEvent, useMemo, useRef, useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import { readChecksum } from '../../checksum.ts';
import { useFacts } from '../../facts.tsx';
import { isMetalinkText, readLines } from '../../links.ts';
import { type Given, takeFiles } from '../../list-file.ts';
import { newKey } from '../../random.ts';
import { useServices } from '../../services.tsx';
import type { AddMany, Download, Resolution, Source } from '../../types.ts';
import { Dialog, DialogBody, DialogFoot } from '../../ui/dialog.tsx';
import { Field, Lines } from '../../ui/field.tsx';
import { show, useT } from '../../words/words.ts';
import { type Choice, noChoice, ticksOf, treeFor } from './choice.ts';
import { rangesOf, sumOf } from './file-tree.ts';
import { Fold } from './fold.tsx';
import { Found, type FoundItem } from './found.tsx';
import { hasChoices, ItemChoices } from './item-choices.tsx';
import { ListChoice } from './list-choice.tsx';
import { noRequest, type RequestForm, toRequest } from './request.ts';
import { RequestFields } from './request-fields.tsx';
import { type Ask, mostProbes, useProbes } from './use-probes.ts';
import { noWishes, timesOf, type Wishes, WishFields } from './wishes.tsx';

const mostLinks = 10_000;
const noSources: Source[] = [];

/** A file is told from another of the same name by its number. */
type NumberedGiven = Given & { key: string };

type Props = { initialText: string; initialGivens: Given[]; onClose(): void };

/** Adds links, one a line, and files that stand for downloads. Looking at them never blocks adding them. */
export function AddDialog({ initialText, initialGivens, onClose }: Props) {
  const t = useT();
  const { live, toasts } = useServices();
  const { destinations } = useFacts();
  const { data: sources = noSources } = useQuery({ queryKey: ['sources'], queryFn: api.sources, staleTime: 60_000 });
  const area = useRef<HTMLTextAreaElement>(null);
  const number = useRef(0);
  const numbered = (list: Given[]): NumberedGiven[] => list.map((one) => ({ ...one, key: `\n${number.current++}` }));
  const [text, setText] = useState(initialText);
  const [destinationId, setDestinationId] = useState<string>();
  const [wishes, setWishes] = useState<Wishes>(noWishes);
  const [givens, setGivens] = useState(() => numbered(initialGivens));
  const [choices, setChoices] = useState<ReadonlyMap<string, Choice>>(new Map());
  const [form, setForm] = useState<RequestForm>(noRequest);
  // What the looks ask with: not every letter of a password that is being typed.
  const [lookForm, setLookForm] = useState<RequestForm>(noRequest);
  const [lookChoices, setLookChoices] = useState(choices);
  const [problem, setProblem] = useState<string | null>(null);
  const [isAdding, setIsAdding] = useState(false);
  // One key for one request: pressing Add again after a lost answer adds nothing twice. A changed one has another key.
  const keys = useRef(new Map<string, string>());
  function keyFor(...asked: unknown[]): string {
    const of = JSON.stringify(asked);
    const key = keys.current.get(of) ?? newKey();
    keys.current.set(of, key);
    return key;
  }

  const lines = useMemo(() => readLines(text), [text]);
  const links = useMemo(() => lines.filter(({ isLink }) => isLink).map((line) => line.text), [lines]);
  const request = toRequest(form);
  const choiceOf = (of: string) => choices.get(of) ?? noChoice;

  const items = [...givens, ...links.slice(0, mostProbes)].map((item) => {
    if (typeof item === 'string') return { key: item, title: item, link: item, what: { url: item } };
    const what = item.kind === 'metalink' ? { metalink: item.text } : { document: item.base64 };
    return { key: item.key, title: item.name, link: null, what };
  });
  const lookRequest = toRequest(lookForm) ?? undefined;
  const asks: Ask[] = items.map(({ key: of, what }) => {
    const { as, parameters } = lookChoices.get(of) ?? noChoice;
    const asked = { ...(as !== '' && { as }), ...(parameters && { parameters }) };
    const how = JSON.stringify([asked, lookRequest]);
    return { key: of, how, question: { ...what, ...(lookRequest && { request: lookRequest }), ...asked } };
  });
  const { probes, stop } = useProbes(asks);
  const foundOf = (of: string): Resolution | null => {
    const probe = probes.get(of);
    return probe?.kind === 'found' ? probe.resolution : probe?.kind === 'looking' ? probe.before : null;
  };

  function choose(of: string, choice: Choice) {
    const next = new Map(choices).set(of, choice);
    setChoices(next);
    // What is typed is looked at when its field is left.
    if (choice.as !== choiceOf(of).as) setLookChoices(next);
  }

  /** What is asked of a source beside the link; null: something in it is not as it should be. */
  function chosenFor(of: string): { as?: string; parameters?: Record<string, unknown>; files?: string } | null {
    const choice = choiceOf(of);
    const resolution = foundOf(of);
    const files = resolution === null ? undefined : rangesOf(ticksOf(choice, resolution));
    if (choice.parameters === null || files === '') return null;
    return {
      ...(choice.as !== '' && { as: choice.as }),
      ...(choice.parameters && { parameters: choice.parameters }),
      ...(files !== undefined && { files }),
    };
  }

  const found: FoundItem[] = items.map(({ key: of, title, link }) => {
    const resolution = foundOf(of);
    const choice = choiceOf(of);
    const isSeveral = resolution !== null && resolution.files.length > 1;
    const isGiven = link === null;
    return {
      key: of,
      title,
      probe: probes.get(of),
      ticks: isSeveral ? ticksOf(choice, resolution) : null,
      choices: hasChoices({ link, resolution, sources, choice }) ? (
        <ItemChoices {...{ link, resolution, sources, choice }} onChange={(changed) => choose(of, changed)} />
      ) : null,
      onStop: () => stop(of),
      ...(isGiven && { onRemove: () => setGivens(givens.filter((one) => one.key !== of)) }),
    };
  });
  const isSingle = links.length === 1 && givens.length === 0;
  const addCount = links.length + givens.length;
  const checksum = wishes.checksum.trim() === '' ? undefined : readChecksum(wishes.checksum);
  const areChoicesGood = items.every(({ key: of }) => chosenFor(of) !== null);
  const canAdd = addCount > 0 && !isAdding && !(isSingle && checksum === null) && request !== null && areChoicesGood;
  const target = destinations.find(({ id, isDefault }) => (destinationId === undefined ? isDefault : id === destinationId));
  const wantedBytes = items.reduce((sum, { key: of }) => {
    const resolution = foundOf(of);
    if (resolution === null) return sum;
    const ticks = ticksOf(choiceOf(of), resolution);
    return (
      sum +
      (sumOf(
        treeFor(resolution).sizes.map((size) => size ?? 0),
        ticks,
      ).sizeBytes ?? 0)
    );
  }, 0);
  const isTooBig = target?.freeBytes != null && wantedBytes > target.freeBytes;

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
    try {
      const only = links[0];
      if (isSingle && only !== undefined) {
        const name = wishes.name.trim();
        const mirrors = readLines(wishes.mirrors).map((line) => line.text);
        const own = {
          ...(name === '' ? {} : { name }),
          ...(mirrors.length === 0 ? {} : { mirrors }),
          ...(checksum ? { checksum } : {}),
        };
        const asked = { url: only, ...chosenFor(only) };
        done([await api.add({ ...asked, ...shared, ...own }, keyFor([asked], shared, own))]);
        return;
      }
      let addedCount = 0;
      // What was taken is gone from the dialog at once, whatever becomes of the rest.
      for (const given of givens) {
        const own = { ...shared, ...chosenFor(given.key) };
        const ownKey = keyFor(given.key, own);
        const rows =
          given.kind === 'metalink'
            ? rowsOf((await api.addMany({ metalink: given.text, ...own }, ownKey)).items)
            : [await api.add({ document: given.base64, ...own }, ownKey)];
        live.store.putMany(rows);
        addedCount += rows.length;
        setGivens((old) => old.filter(({ key }) => key !== given.key));
      }
      // The server takes 10,000 links at once.
      const refused: { url: string; problem: string }[] = [];
      for (let start = 0; start < links.length; start += mostLinks) {
        const end = start + mostLinks;
        const asked: AddMany['links'] = links.slice(start, end).map((url) => ({ url, ...chosenFor(url) }));
        const answer = (await api.addMany({ links: asked, ...shared }, keyFor(asked, shared, {}))).items;
        const rows = rowsOf(answer);
        live.store.putMany(rows);
        addedCount += rows.length;
        for (const item of answer) if (item.download === null) refused.push({ url: item.url, problem: item.problem ?? '' });
        // What was refused stays, to be put right.
        setText([...refused.map(({ url }) => url), ...links.slice(end)].join('\n'));
      }
      if (refused.length === 0) {
        toasts.add({ text: t('added.count', { count: addedCount }), tone: 'plain' });
        onClose();
        return;
      }
      setProblem(t('added.some', { count: addedCount, refused: refused.length, why: refused[0]?.problem ?? '' }));
    } catch (error) {
      setProblem(sentenceOf(error));
    } finally {
      setIsAdding(false);
    }
  }

  function done(rows: Download[]) {
    live.store.putMany(rows);
    toasts.say(t('added.count', { count: rows.length }));
    onClose();
  }

  async function take(files: Iterable<File>) {
    const taken = await takeFiles(files);
    const [refused] = taken.refused;
    setProblem(refused === undefined ? null : t('drop.noList', { name: refused }));
    setGivens((old) => [...old, ...numbered(taken.givens)]);
    if (taken.text !== '') setText((typed) => `${typed.trimEnd()}\n${taken.text}`.trimStart());
  }

  function type(typed: string) {
    if (!isMetalinkText(typed)) return setText(typed);
    setGivens([...givens, ...numbered([{ kind: 'metalink', name: t('add.documentPasted'), text: typed }])]);
    setText('');
  }

  function drop(event: DragEvent) {
    if (event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    void take([...event.dataTransfer.files]);
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
                <Lines
                  {...field}
                  ref={area}
                  rows={Math.min(8, Math.max(3, lines.length + 1))}
                  placeholder="https://…"
                  value={text}
                  onChange={(event) => type(event.target.value)}
                />
              )}
            </Field>
            <ListChoice onChoose={(files) => void take(files)} />
            {/* biome-ignore lint/a11y/noStaticElementInteractions: it only notices when the fields in it are left */}
            <div onBlur={() => setLookChoices(choices)} className="contents">
              <Found
                items={found}
                moreCount={Math.max(0, links.length - mostProbes)}
                others={lines.filter(({ isLink }) => !isLink)}
              />
            </div>
            {destinations.length > 0 && (
              <Field label={t('add.destination')} error={isTooBig ? t('add.tooBig', { size: show.bytes(wantedBytes) }) : null}>
                {(field) => (
                  <select {...field} value={target?.id ?? ''} onChange={({ target: { value } }) => setDestinationId(value)}>
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
            {t('add.submit', { count: addCount })}
          </button>
        </DialogFoot>
      </form>
    </Dialog>
  );
}

function rowsOf(items: { download: Download | null }[]): Download[] {
  return items.map(({ download }) => download).filter((row) => row !== null);
}
