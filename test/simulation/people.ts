/** People who want things, at random, of any replica; and who ask again when there was no answer. */
import type { Control, Deed } from '#control/control.ts';
import { FlotillaError } from '#core/errors.ts';
import type { HostRule } from '#core/limits.ts';
import type { HourSpeed } from '#core/timetable.ts';
import type { Chance } from './chance.ts';
import { send } from './network.ts';
import { Process, startWallMs } from './time.ts';
import type { World } from './world.ts';

export const owners = ['anna', 'ben', 'cleo'];
export const hosts = ['a.example', 'b.example', 'c.example'];

const secondStage = {
  name: 'other way',
  kind: null,
  host: '*',
  attempts: 2,
  labels: ['b'],
  connections: null,
  request: {},
};

export class People {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #process: Process;
  /** Downloads with their owners, as far as they were told. */
  readonly #known: { id: string; ownerId: string }[] = [];
  /** What they are at, and may ask for again. */
  readonly #acts = new Set<Promise<unknown>>();
  #linkCount = 0;

  constructor(world: World) {
    this.#world = world;
    this.#chance = world.chance.fork();
    this.#process = new Process(world.timeline, 'people', 0, 1);
  }

  /** Wants something now and then, until that time. */
  live(untilMs: number, everyMs: number): void {
    const { timeline } = this.#world;
    const next = () => {
      if (timeline.nowMs >= untilMs) return;
      const act = this.#act().finally(() => this.#acts.delete(act));
      this.#acts.add(act);
      timeline.after(this.#chance.between(0, 2 * everyMs), next);
    };
    next();
  }

  async #act(): Promise<unknown> {
    const chance = this.#chance;
    const roll = chance.below(100);
    if (roll < 40) return this.#add();
    if (roll < 44) return this.#addMany();
    const one = this.#known.length === 0 ? null : chance.pick(this.#known);
    if (one === null) return this.#add();
    const { id, ownerId } = one;
    if (roll < 52) return this.#ask('pause', (control) => control.pause(ownerId, id));
    if (roll < 62) return this.#ask('resume', (control) => control.resume(ownerId, id));
    if (roll < 65) return this.#ask('cancel', (control) => control.cancel(ownerId, id));
    if (roll < 67) return this.#thinkBetter(ownerId, id);
    if (roll < 74) return this.#retry(ownerId, id);
    if (roll < 78)
      return this.#ask('remove', (control) => control.remove(ownerId, id, { files: chance.pick(['keep', 'trash', 'now']) }));
    if (roll < 81) return this.#ask('restore', (control) => control.restore(ownerId, id));
    if (roll < 83) {
      const which = chance.is(0.5) ? { filter: 'finished' } : { q: 'f1' };
      const deed = chance.pick<Deed>([
        { action: 'pause' },
        { action: 'resume' },
        { action: 'cancel' },
        { action: 'restore' },
        { action: 'remove', files: chance.pick(['keep', 'trash', 'now']) },
      ]);
      return this.#ask(`${deed.action} many`, (control) => control.actOnMany(ownerId, deed, which));
    }
    if (roll < 84) {
      this.#world.checks.cleared.add(ownerId);
      return this.#ask('clear', (control) => control.clearHistory(ownerId));
    }
    if (roll < 90) {
      const wishes = chance.pick([{ priority: chance.below(3) }, { place: 'first' as const }, { place: 'last' as const }]);
      return this.#ask('change', (control) => control.change(ownerId, id, wishes));
    }
    if (roll < 92) {
      const options = { labels: chance.pick([['a'], ['b'], null]) };
      return this.#ask('label', (control) => control.change(ownerId, id, { options }));
    }
    if (roll < 96) return this.#changeRules();
    if (roll < 98) return this.#orderMachine();
    if (roll < 99) {
      const { id } = chance.pick(this.#world.machines);
      return this.#ask('remove worker', (control) => control.removeWorker(id));
    }
    return this.#look();
  }

  async #add(): Promise<void> {
    const ownerId = this.#chance.pick(owners);
    const link = this.#newLink();
    const startAtMs = Math.floor(startWallMs + this.#world.timeline.nowMs) + 5000;
    const hours = { from: '00:00', to: '00:01' };
    const options = {
      ...(this.#chance.is(0.1) && { labels: ['a'] }),
      ...(this.#chance.is(0.05) && { startAtMs }),
      ...(this.#chance.is(0.05) && { hours }),
    };
    const submission = { link, options, paused: this.#chance.is(0.1) };
    const key = this.#chance.is(0.5) ? `key ${this.#linkCount}` : undefined;
    const first = await this.#submit(ownerId, submission, key);
    if (key === undefined || (first !== null && this.#chance.is(0.5))) return;
    // Without an answer the same is asked for again, under the same key.
    const second = await this.#submit(ownerId, submission, key);
    const isForgotten = first !== null && this.#world.checks.cleared.has(ownerId);
    if (first === null || second === null || first === second || isForgotten || this.#world.isRestored) return;
    this.#world.checks.threw('submit', new Error(`Q1: one key made two downloads, ${first} and ${second}`));
  }

  async #submit(ownerId: string, submission: Parameters<Control['submit']>[1], key?: string): Promise<string | null> {
    const added = await this.#ask('add', (control) => control.submit(ownerId, submission, key), 5);
    if (added === null) return null;
    this.#learn(ownerId, added.id);
    return added.id;
  }

  #learn(ownerId: string, id: string): void {
    this.#world.checks.acknowledged(id);
    if (!this.#known.some((one) => one.id === id)) this.#known.push({ id, ownerId });
  }

  async #addMany(): Promise<void> {
    const ownerId = this.#chance.pick(owners);
    const submissions = [1, 2, 3].map(() => ({ link: this.#newLink(), options: {} }));
    const added = await this.#ask('add many', (control) => control.submitMany(ownerId, submissions));
    for (const one of added ?? []) if ('id' in one) this.#learn(ownerId, one.id);
  }

  async #retry(ownerId: string, id: string): Promise<void> {
    const { retried } = this.#world.checks;
    retried.set(id, (retried.get(id) ?? 0) + 2);
    const how = this.#chance.is(0.2) ? { name: 'another' } : {};
    await this.#ask('retry', (control) => control.retry(ownerId, id, how));
  }

  /** Calls it off, and wants it after all, before anybody has done anything about it. */
  async #thinkBetter(ownerId: string, id: string): Promise<void> {
    const isRemoved = this.#chance.is(0.3);
    const files = this.#chance.pick(['keep', 'trash', 'now'] as const);
    if (isRemoved) await this.#ask('remove', (control) => control.remove(ownerId, id, { files }));
    else await this.#ask('cancel', (control) => control.cancel(ownerId, id));
    if (isRemoved) await this.#ask('restore', (control) => control.restore(ownerId, id));
    await this.#retry(ownerId, id);
  }

  async #changeRules(): Promise<void> {
    const chance = this.#chance;
    const hostRules: HostRule[] = hosts.slice(0, chance.below(3)).map((host) => {
      const labels = chance.is(0.2) ? { labels: [chance.pick(['a', 'b'])] } : {};
      return { host, bytesPerSecond: null, connections: null, downloads: chance.pick([null, 1, 1, 2]), ...labels };
    });
    const hours = (speed: HourSpeed) => Array.from({ length: 7 }, () => Array<HourSpeed>(24).fill(speed));
    await chance.pick([
      () => this.#ask('rules', (control) => control.changeSettings({ hostRules })),
      () => this.#ask('rules', (control) => control.changeSettings({ hostRules })),
      () => this.#ask('trash', (control) => control.changeSettings({ trashDays: chance.pick([0, 7]) })),
      () => this.#ask('stages', (control) => control.changeSettings({ stages: chance.is(0.5) ? [] : [secondStage] })),
      () => this.#ask('parallel', (control) => control.changeSettings({ parallelDownloads: 1 + chance.below(4) })),
      () =>
        this.#ask('timetable', (control) => control.changeSettings({ timetable: chance.is(0.4) ? hours('stopped') : null })),
      () => {
        const limits = { maxActive: chance.pick([1, 1, 2, null]), weight: 1 + chance.below(3) };
        return this.#ask('user', (control) => control.changeUserLimits(chance.pick(owners), limits));
      },
    ])();
  }

  async #orderMachine(): Promise<void> {
    const { id } = this.#chance.pick(this.#world.machines);
    const wishes = {
      wanted: this.#chance.pick(['work', 'pause', 'drain'] as const),
      maxFetches: this.#chance.pick([1, 2, null]),
    };
    await this.#ask('machine', (control) => control.changeWorker(id, wishes));
  }

  async #look(): Promise<void> {
    const link = this.#newLink();
    await this.#ask('look', (control, signal) => control.probe({ link: link }, signal));
  }

  /** Everything that stands in the way of somebody is taken out of it. `lateMs`: until nothing is on its way any more. */
  async calm(lateMs: number): Promise<void> {
    // A limit with room goes on being a limit, and a worker may stay away from what is new as long as others are there.
    const rule = { host: hosts[0] as string, bytesPerSecond: null, connections: null, downloads: 1 };
    const all = { parallelDownloads: 3, hostRules: this.#chance.is(0.5) ? [rule] : [], timetable: null, stages: [] };
    // Who had no answer asks again; and what was sent may still be on its way, or wait for a replica that stands still.
    await Promise.all(this.#acts);
    await new Promise<void>((resolve) => this.#process.clock.setTimer(lateMs, resolve));
    await this.#ask('calm', (control) => control.changeSettings(all), 50);
    for (const ownerId of owners) await this.#ask('calm', (control) => control.changeUserLimits(ownerId, { maxActive: 2 }), 50);
    for (const { ownerId, id } of await this.#world.unfinished()) {
      await this.#ask(
        'calm',
        (control) => control.change(ownerId, id, { options: { labels: null, startAtMs: null, hours: null } }),
        3,
      );
    }
    const machines = this.#world.machines.filter(({ isGone }) => !isGone);
    const idle = machines.length > 1 && this.#chance.is(0.3) ? machines[0] : null;
    for (const machine of machines) {
      const wishes = { wanted: machine === idle ? ('pause' as const) : ('work' as const), maxFetches: null };
      await this.#ask('calm', (control) => control.changeWorker(machine.id, wishes), 50);
    }
  }

  #newLink(): string {
    return `https://${this.#chance.pick(hosts)}/f${++this.#linkCount}`;
  }

  /** null: it was refused, or nobody knows. */
  async #ask<Result>(
    name: string,
    ask: (control: Control, signal: AbortSignal) => Promise<Result>,
    tries = 1,
  ): Promise<Result | null> {
    for (let left = tries; ; left--) {
      try {
        const sending = { name: `people ${name}`, from: this.#process, patienceMs: 40_000, isCut: () => false };
        return await send(this.#world, sending, ask);
      } catch (error) {
        const isRefused = error instanceof FlotillaError && (error.code === 'refused' || error.code === 'not_found');
        if (isRefused || left <= 1) return null;
        await new Promise<void>((resolve) => this.#process.clock.setTimer(1000, resolve));
      }
    }
  }
}
