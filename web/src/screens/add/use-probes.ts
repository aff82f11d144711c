import { useEffect, useRef, useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { api } from '../../api.ts';
import type { AddDownload, Resolution } from '../../types.ts';

export type Probe =
  | { kind: 'looking'; isSlow: boolean }
  | { kind: 'found'; resolution: Resolution }
  | { kind: 'problem'; message: string };

/** Links looked at in the dialog; a list of thousands is added without looking at each. */
export const mostProbes = 25;
const parallel = 4;
const slowMs = 8000;
/** Typing changes the last line with every key: it is looked at when the typing rests. */
const settleMs = 350;

/** Looks at each link once, a few at a time, in the background, and again when it is asked for in another way. What is no longer in the list is given up. */
export function useProbes(links: string[], request: AddDownload['request']): ReadonlyMap<string, Probe> {
  const [probes, setProbes] = useState<ReadonlyMap<string, Probe>>(new Map());
  const running = useRef(new Map<string, AbortController>());
  const known = useRef(new Set<string>());
  const wanted = links.slice(0, mostProbes).join('\n');
  const asked = JSON.stringify(request);
  const askedBefore = useRef(asked);

  useEffect(() => {
    const list = wanted === '' ? [] : wanted.split('\n');
    const put = (link: string, probe: Probe) => setProbes((old) => new Map(old).set(link, probe));
    const isAskedAnew = askedBefore.current !== asked;
    askedBefore.current = asked;
    if (isAskedAnew) known.current.clear();
    for (const [link, controller] of running.current) {
      if (list.includes(link) && !isAskedAnew) continue;
      controller.abort();
      running.current.delete(link);
      known.current.delete(link);
    }

    async function look(link: string) {
      const controller = new AbortController();
      known.current.add(link);
      running.current.set(link, controller);
      put(link, { kind: 'looking', isSlow: false });
      const timer = setTimeout(() => put(link, { kind: 'looking', isSlow: true }), slowMs);
      try {
        put(link, {
          kind: 'found',
          resolution: await api.probe(link, asked === undefined ? undefined : JSON.parse(asked), controller.signal),
        });
      } catch (error) {
        if (!controller.signal.aborted) put(link, { kind: 'problem', message: sentenceOf(error) });
      } finally {
        clearTimeout(timer);
        if (running.current.get(link) === controller) running.current.delete(link);
        if (!controller.signal.aborted) next();
      }
    }

    const next = () => {
      for (const link of list) {
        if (running.current.size >= parallel) return;
        if (!known.current.has(link)) void look(link);
      }
    };
    const timer = setTimeout(next, settleMs);
    return () => clearTimeout(timer);
  }, [wanted, asked]);

  useEffect(() => {
    const all = running.current;
    return () => {
      for (const controller of all.values()) controller.abort();
    };
  }, []);

  return probes;
}
