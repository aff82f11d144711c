/** Figures about a running program: counters that only rise, gauges that are looked at, histograms of durations and sizes. */

export type Labels = Readonly<Record<string, string>>;

/** One figure under its labels. */
export type Sample = { suffix: string; labels: Labels; value: number };

export type Family = { name: string; kind: 'counter' | 'gauge' | 'histogram'; help: string; samples: Sample[] };

export type Counter = {
  /** `amount` is not negative: what was counted stays counted. */
  add(amount?: number, labels?: Labels): void;
};

export type Histogram = {
  observe(value: number, labels?: Labels): void;
};

/** A registry that is passed to whoever counts. A name belongs to one family; asking for it again gives the same one. */
export type Meter = {
  /** `labels`: sets that are there with 0 from the start, so that nobody waits for the first one. */
  counter(name: string, help: string, labels?: Labels[]): Counter;
  /** `read` is asked at each look; nothing is shown when it gives nothing or fails. */
  gauge(name: string, help: string, read: () => Reading | Promise<Reading>): void;
  /** Like `gauge`, for what somebody else counts and never takes back. */
  total(name: string, help: string, read: () => Reading | Promise<Reading>): void;
  /** `bounds` ascending, the upper ends of the buckets; what is larger still counts in the last, endless one. */
  histogram(name: string, help: string, bounds: readonly number[]): Histogram;
  /** In the order of their names. */
  families(): Promise<Family[]>;
};

export type Reading = number | { labels: Labels; value: number }[];

/** From a millisecond to ten seconds. */
export const secondsBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10] as const;
/** So many sets of labels a family has at most: a label that somebody outside can choose must not fill the memory. */
const mostSets = 1000;

type Source = { family: Omit<Family, 'samples'>; samples(): Sample[] | Promise<Sample[]>; tool: unknown };

export function createMeter(): Meter {
  const sources = new Map<string, Source>();

  function open<Tool>(family: Omit<Family, 'samples'>, make: () => { tool: Tool; samples: Source['samples'] }): Tool {
    const known = sources.get(family.name);
    if (known !== undefined) {
      if (known.family.kind !== family.kind) throw new Error(`${family.name} is a ${known.family.kind} already`);
      return known.tool as Tool;
    }
    const source = { family, ...make() };
    sources.set(family.name, source);
    return source.tool;
  }

  function look(kind: 'gauge' | 'counter', name: string, help: string, read: () => Reading | Promise<Reading>): void {
    open({ name, kind, help }, () => ({ tool: null, samples: async () => toSamples(await read()) }));
  }

  return {
    counter: (name, help, labels) => open({ name, kind: 'counter', help }, () => openCounter(labels ?? [])),
    gauge: (name, help, read) => look('gauge', name, help, read),
    total: (name, help, read) => look('counter', name, help, read),
    histogram: (name, help, bounds) => open({ name, kind: 'histogram', help }, () => openHistogram(bounds)),
    async families() {
      const looked = [...sources.values()].map(async ({ family, samples }): Promise<Family> => {
        // One that cannot be told, such as what a database says that is away, must not hide the others.
        const seen = await Promise.resolve()
          .then(samples)
          .catch(() => []);
        return { ...family, samples: seen };
      });
      return (await Promise.all(looked)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
    },
  };
}

/** Counts for nobody. */
export const noMeter: Meter = {
  counter: () => ({ add: () => {} }),
  gauge: () => {},
  total: () => {},
  histogram: () => ({ observe: () => {} }),
  families: async () => [],
};

function openCounter(begun: Labels[]): { tool: Counter; samples: Source['samples'] } {
  const sums = new Map<string, { labels: Labels; value: number }>();
  const of = (labels: Labels) => findOrAdd(sums, labels, () => ({ labels, value: 0 }));
  begun.forEach(of);
  return {
    tool: {
      add(amount = 1, labels = {}) {
        const sum = of(labels);
        if (sum !== null && amount > 0) sum.value += amount;
      },
    },
    samples: () => [...sums.values()].map(({ labels, value }) => ({ suffix: '', labels, value })),
  };
}

function openHistogram(bounds: readonly number[]): { tool: Histogram; samples: Source['samples'] } {
  type Seen = { labels: Labels; counts: number[]; sum: number };
  const all = new Map<string, Seen>();
  return {
    tool: {
      observe(value, labels = {}) {
        const seen = findOrAdd(all, labels, (): Seen => ({ labels, counts: new Array(bounds.length + 1).fill(0), sum: 0 }));
        if (seen === null) return;
        const index = bounds.findIndex((bound) => value <= bound);
        seen.counts[index === -1 ? bounds.length : index] = (seen.counts[index === -1 ? bounds.length : index] ?? 0) + 1;
        seen.sum += value;
      },
    },
    samples: () =>
      [...all.values()].flatMap(({ labels, counts, sum }) => {
        let count = 0;
        const buckets = counts.map((more, index) => {
          count += more;
          const le = index === bounds.length ? '+Inf' : String(bounds[index]);
          return { suffix: '_bucket', labels: { ...labels, le }, value: count };
        });
        return [...buckets, { suffix: '_sum', labels, value: sum }, { suffix: '_count', labels, value: count }];
      }),
  };
}

/** null: there are too many already. */
function findOrAdd<Item>(items: Map<string, Item>, labels: Labels, make: () => Item): Item | null {
  const key = Object.keys(labels)
    .sort()
    .map((name) => `${name}\0${labels[name]}`)
    .join('\0');
  const known = items.get(key);
  if (known !== undefined) return known;
  if (items.size >= mostSets) return null;
  const made = make();
  items.set(key, made);
  return made;
}

function toSamples(reading: Reading): Sample[] {
  if (typeof reading !== 'number') return reading.map(({ labels, value }) => ({ suffix: '', labels, value }));
  return [{ suffix: '', labels: {}, value: reading }];
}
