/**
 * Where chance begins in tests. It is the same in each run, so that a failure can be repeated and no commit passes by luck.
 * `FLOTILLA_SEED=4711 npm test`, or of one file, tries what no run has tried before.
 */
export const firstSeed = Number(process.env.FLOTILLA_SEED ?? 1);
