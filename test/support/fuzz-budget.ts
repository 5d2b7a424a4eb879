/** How often a property is tried, and with which seed: small in CI; `FUZZ_RUNS` and `FUZZ_SEED` by hand. */
export function fuzzBudget(runs: number): { numRuns: number; seed: number } {
  const times = process.env['FUZZ_RUNS']
  const given = process.env['FUZZ_SEED']
  const seed = given === undefined ? Date.now() % 2 ** 31 : Number(given)
  const numRuns = times === undefined ? runs : Number(times)
  console.info(`fuzz seed ${seed}, ${numRuns} runs`)
  return { numRuns, seed }
}

/** For a test of `runs` runs, in milliseconds: generous, since a machine may be busy. */
export const fuzzTimeout = (runs: number): number => 60_000 + 200 * Number(process.env['FUZZ_RUNS'] ?? runs)
