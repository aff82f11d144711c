/**
 * Looks at links as people ask for them: they hear soon that it takes longer, and ask again. Who asks for the same gets the same
 * look; what was found is kept for a minute; a look that nobody asks for any more is given up. All of it is in the memory of this
 * replica: another one looks anew.
 */
import { hash } from 'node:crypto';
import type { Clock, Timer } from '#core/clock.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Resolution } from '#core/resolution.ts';

const keptMs = 60_000;
/** So long somebody may take to ask again. */
const graceMs = 10_000;
const mostProbes = 1000;
/** Of all answers that are kept together, as JSON: large folders and torrents are forgotten sooner. */
const mostKeptCharacters = 50_000_000;

type Probe = {
  id: string;
  ownerId: string;
  /** SHA-256 of what was asked, so that the same is known again: whole documents are not kept for it. */
  askedHash: string;
  stop: AbortController;
  /** Never rejects. */
  answer: Promise<Resolution | { error: unknown }>;
  state: 'looking' | 'found' | 'failed';
  /** Of the answer. */
  characters: number;
  waiting: number;
  /** It is given up, or forgotten, when this rings. */
  timer: Timer | null;
};

export type Probes = {
  /** Begins to look, or joins the look at the same that this owner asked for. `asked` tells one from another. */
  begin(ownerId: string, asked: string, look: (signal: AbortSignal) => Promise<Resolution>): string;
  /**
   * `looking`: ask again within ten seconds. `unknown`: there is no such look, or no more. Throws what the look met, and the
   * signal's reason when whoever asked has gone.
   */
  wait(ownerId: string, id: string, waitMs: number, signal: AbortSignal): Promise<Resolution | 'looking' | 'unknown'>;
  /** Gives it up. Harmless when it has ended. */
  cancel(ownerId: string, id: string): void;
  close(): void;
};

export function createProbes(clock: Clock, newId: () => string): Probes {
  const probes = new Map<string, Probe>();

  function forget(probe: Probe): void {
    probe.timer?.cancel();
    probes.delete(probe.id);
    probe.stop.abort(new FlotillaError('timed_out', 'Nobody waited for this look at a link any more.'));
  }

  function forgetIn(probe: Probe, afterMs: number): void {
    probe.timer?.cancel();
    probe.timer = clock.setTimer(afterMs, () => forget(probe));
  }

  function find(ownerId: string, id: string): Probe | undefined {
    const probe = probes.get(id);
    return probe?.ownerId === ownerId ? probe : undefined;
  }

  /** The oldest that have ended go first. */
  function makeRoom(newest?: Probe): void {
    const ended = [...probes.values()].filter((probe) => probe.state !== 'looking' && probe !== newest);
    let characters = ended.reduce((sum, probe) => sum + probe.characters, newest?.characters ?? 0);
    for (const probe of ended) {
      if (characters <= mostKeptCharacters && probes.size < mostProbes) return;
      characters -= probe.characters;
      forget(probe);
    }
  }

  return {
    begin(ownerId, asked, look) {
      const askedHash = hash('sha256', asked);
      for (const probe of probes.values())
        if (probe.ownerId === ownerId && probe.askedHash === askedHash && probe.state !== 'failed') return probe.id;
      makeRoom();
      if (probes.size >= mostProbes)
        throw new FlotillaError('busy', 'Too many links are being looked at. Try again in a moment.');
      const stop = new AbortController();
      const probe: Probe = {
        id: newId(),
        ownerId,
        askedHash,
        stop,
        answer: look(stop.signal).then(
          (resolution) => {
            Object.assign(probe, { state: 'found', characters: JSON.stringify(resolution).length });
            return resolution;
          },
          (error: unknown) => {
            probe.state = 'failed';
            return { error };
          },
        ),
        state: 'looking',
        characters: 0,
        waiting: 0,
        timer: null,
      };
      probes.set(probe.id, probe);
      void probe.answer.then(() => {
        if (!probes.has(probe.id)) return;
        forgetIn(probe, keptMs);
        makeRoom(probe);
      });
      return probe.id;
    },
    async wait(ownerId, id, waitMs, signal) {
      const probe = find(ownerId, id);
      if (probe === undefined) return 'unknown';
      signal.throwIfAborted();
      if (probe.state === 'looking') {
        probe.timer?.cancel();
        probe.timer = null;
      }
      probe.waiting++;
      let isGone = false;
      const late = Promise.withResolvers<'looking'>();
      const timer = clock.setTimer(waitMs, () => late.resolve('looking'));
      const leave = () => {
        isGone = true;
        late.resolve('looking');
      };
      signal.addEventListener('abort', leave, { once: true });
      const answer = await Promise.race([probe.answer, late.promise]);
      timer.cancel();
      signal.removeEventListener('abort', leave);
      probe.waiting--;
      if (probe.state === 'looking' && probe.waiting === 0) {
        if (isGone) forget(probe);
        else forgetIn(probe, graceMs);
      }
      signal.throwIfAborted();
      if (answer !== 'looking' && 'error' in answer) throw answer.error;
      return answer;
    },
    cancel(ownerId, id) {
      const probe = find(ownerId, id);
      if (probe !== undefined) forget(probe);
    },
    close() {
      for (const probe of [...probes.values()]) forget(probe);
    },
  };
}
