import { expect, test } from "bun:test";
import { playChaos } from "../chaos/rounds.ts";

/** Another seed every day plays other rounds; one that fails is printed and plays again with `bun run chaos ROUNDS SEED`. */
const seed = Math.floor(Date.now() / 86_400_000);

test(`no machine is lost, doubled or unexplained while the agent is killed again and again (seed ${seed})`, async () => {
  const report = await playChaos({ seed, rounds: 60, jobs: 3, lookEvery: 5 });
  expect(report.kills).toBeGreaterThan(5);
  expect(report.acknowledged).toBeGreaterThan(20);
  expect(report.endings["lost"] ?? 0).toBe(0);
});
