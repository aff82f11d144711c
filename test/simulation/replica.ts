import type { Control } from '#control/control.ts';
import { createControl } from '#control/create.ts';
import { FlotillaError } from '#core/errors.ts';
import type { Sealer } from '#core/secrets.ts';
import { createFaultyStore } from './faulty-store.ts';
import { createBus } from './network.ts';
import { Process } from './time.ts';
import type { World } from './world.ts';

const sweepMs = 1000;

/** A process that runs the real control plane. */
export class Replica {
  readonly name: string;
  readonly #world: World;
  process: Process;
  control: Control | null = null;
  bus: ReturnType<typeof createBus> | null = null;
  /** Calls that it works on: they break off with it. */
  readonly pending = new Set<() => void>();

  constructor(world: World, name: string) {
    this.#world = world;
    this.name = name;
    this.process = this.#newProcess();
    this.start();
  }

  start(): void {
    this.process = this.#newProcess();
    void this.#start(this.process);
  }

  crash(): void {
    this.process.die();
    this.control = null;
    this.bus = null;
    for (const breakOff of [...this.pending]) breakOff();
    this.pending.clear();
  }

  /** As on SIGTERM. */
  end(onEnd: () => void): void {
    const { process, control } = this;
    if (control === null || !process.isAlive) return;
    control.drain();
    const die = () => {
      if (process.isAlive) this.crash();
      onEnd();
    };
    process.clock.setTimer(2000, () => void control.close().then(die, die));
  }

  #newProcess(): Process {
    const { chance, timeline, faults } = this.#world;
    return new Process(timeline, this.name, chance.between(-1, 1) * faults.wallSkewMs, chance.between(0.99, 1.01));
  }

  async #start(process: Process): Promise<void> {
    const world = this.#world;
    const bus = world.isAlone ? null : createBus(world, this);
    const store = createFaultyStore(world.store, world.way, process);
    for (;;) {
      try {
        const control = await createControl({
          store,
          clock: process.clock,
          random: world.chance.fork().random,
          sealer: openSealer,
          ...(bus && { bus }),
          schemes: ['https:'],
          defaultDestination: { kind: 'local', name: 'Downloads', options: {} },
          leaseSeconds: world.leaseSeconds,
        });
        world.checks.listens(this, process, control);
        this.control = control;
        this.bus = bus;
        this.#sweep(control, process);
        return;
      } catch (error) {
        if (!(error instanceof FlotillaError)) world.checks.threw(`${this.name} start`, error);
        await new Promise<void>((resolve) => process.clock.setTimer(1000, resolve));
      }
    }
  }

  /** One round may last longer than the time to the next one. */
  #sweep(control: Control, process: Process): void {
    control.sweep().catch((error) => {
      if (!(error instanceof FlotillaError)) this.#world.checks.threw(`${this.name} sweep`, error);
    });
    process.clock.setTimer(sweepMs, () => this.#sweep(control, process));
  }
}

/** Hides nothing: secrets are tested elsewhere. */
const openSealer: Sealer = { seal: (text) => text, open: (sealed) => sealed };
