import { playChaos } from "./rounds.ts";

/*
 * The chaos test at length: bun run chaos [ROUNDS [SEED]]; 1,000 rounds of a random seed unless told.
 */

const rounds = Number(process.argv[2] ?? "1000");
const seed = Number(process.argv[3] ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isInteger(rounds) || !Number.isInteger(seed) || rounds < 1) {
  console.error("usage: bun run chaos [ROUNDS [SEED]]");
  process.exit(1);
}
console.log(`seed ${seed}, ${rounds} rounds`);
const start = performance.now();
console.log(await playChaos({ seed, rounds, jobs: 4, lookEvery: 5 }));
console.log(`${((performance.now() - start) / 1000).toFixed(0)} s`);
