import { expect, test } from "bun:test";
import { playChaos } from "../chaos/rounds.ts";

/** Another seed every day plays other rounds; one that fails is printed and plays again with `bun run chaos ROUNDS SEED`. */
const seed = Math.floor(Date.now() / 86_400_000);

/** An ordinary user's machines differ in nothing that chaos is about. */
const rounds = process.getuid?.() === 0 ? 200 : 60;

test(`no machine is lost, doubled or unexplained while the agent is killed again and again (seed ${seed}, ${rounds} rounds)`, async () => {
  const report = await playChaos({ seed, rounds, jobs: 3, lookEvery: 5 });
  expect(report.kills).toBeGreaterThan(rounds / 10);
  expect(report.acknowledged).toBeGreaterThan(rounds / 4);
}, 300_000);
