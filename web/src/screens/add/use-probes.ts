import { useEffect, useRef, useState } from 'react';
import { sentenceOf } from '../../actions.ts';
import { ApiProblem, api } from '../../api.ts';
import type { AskProbe, Resolution } from '../../types.ts';

/** One link or file to look at, and how. `how` tells one way from another: asked in another way it is looked at again. */
export type Ask = { key: string; how: string; question: AskProbe };

export type Probe =
  /** `before`: what was found when it was asked for in another way. */
  | { kind: 'looking'; isSlow: boolean; before: Resolution | null }
  | { kind: 'found'; resolution: Resolution }
  | { kind: 'problem'; message: string }
  | { kind: 'stopped' };

/** Links looked at in the dialog; a list of thousands is added without looking at each. */
export const mostProbes = 25;
const parallel = 4;
/** Why a look was given up that somebody stopped. */
const stopped = 'stopped';
/** Typing changes the last line with every key: it is looked at when the typing rests. */
const settleMs = 350;

/**
 * Looks at each link once, a few at a time, in the background. What is no longer in the list is given up, and so is what `stop`
 * names, until it is asked for in another way.
 */
export function useProbes(asks: Ask[]): { probes: ReadonlyMap<string, Probe>; stop(key: string): void } {
  const [probes, setProbes] = useState<ReadonlyMap<string, Probe>>(new Map());
  const running = useRef(new Map<string, AbortController>());
  /** How each was asked for last. */
  const known = useRef(new Map<string, string>());
  const list = useRef<Ask[]>([]);
  // Not what files hold, which may be megabytes: a file keeps its key.
  const wanted = JSON.stringify(asks.map(({ key, how }) => [key, how]));

  const put = (key: string, probe: Probe) => setProbes((old) => new Map(old).set(key, probe));

  // biome-ignore lint/correctness/useExhaustiveDependencies: what is written down says whether anything changed
  useEffect(() => {
    list.current = asks;
    for (const [key, controller] of running.current) {
      const one = list.current.find((ask) => ask.key === key);
      if (one !== undefined && known.current.get(key) === one.how) continue;
      controller.abort();
      running.current.delete(key);
      known.current.delete(key);
    }

    async function look({ key, how, question }: Ask) {
      const controller = new AbortController();
      const { signal } = controller;
      known.current.set(key, how);
      running.current.set(key, controller);
      setProbes((old) => {
        const last = old.get(key);
        const before = last?.kind === 'found' ? last.resolution : last?.kind === 'looking' ? last.before : null;
        return new Map(old).set(key, { kind: 'looking', isSlow: false, before });
      });
      const tellSlow = () =>
        setProbes((old) => {
          const last = old.get(key);
          return last?.kind === 'looking' ? new Map(old).set(key, { ...last, isSlow: true }) : old;
        });
      try {
        put(key, { kind: 'found', resolution: await untilFound(question, tellSlow, signal) });
      } catch (error) {
        if (!signal.aborted) put(key, { kind: 'problem', message: sentenceOf(error) });
      } finally {
        if (running.current.get(key) === controller) running.current.delete(key);
        if (!signal.aborted || signal.reason === stopped) next();
      }
    }

    const next = () => {
      for (const ask of list.current) {
        if (running.current.size >= parallel) return;
        if (known.current.get(ask.key) !== ask.how && !running.current.has(ask.key)) void look(ask);
      }
    };
    const timer = setTimeout(next, settleMs);
    return () => clearTimeout(timer);
  }, [wanted]);

  useEffect(() => {
    const all = running.current;
    return () => {
      for (const controller of all.values()) controller.abort();
    };
  }, []);

  return {
    probes,
    stop(key) {
      running.current.get(key)?.abort(stopped);
      running.current.delete(key);
      put(key, { kind: 'stopped' });
    },
  };
}

/** The server answers soon, if only that it is still looking; then it is asked again for the same look. */
async function untilFound(question: AskProbe, tellSlow: () => void, signal: AbortSignal): Promise<Resolution> {
  let answer = await api.probe(question, signal);
  for (;;) {
    if (!('looking' in answer)) return answer;
    tellSlow();
    const { id } = answer;
    const giveUp = () => void api.stopProbe(id).catch(() => {});
    signal.addEventListener('abort', giveUp, { once: true });
    try {
      answer = await api.probeAgain(id, signal);
    } catch (error) {
      // Another of several servers was asked, and knows nothing of it.
      if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
      answer = await api.probe(question, signal);
    } finally {
      signal.removeEventListener('abort', giveUp);
    }
  }
}
