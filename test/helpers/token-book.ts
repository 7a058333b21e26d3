import { createTokens, type Tokens } from "../../src/agent/tokens.ts";
import { type Clock, systemClock } from "../../src/base/clock.ts";
import type { KnownToken } from "../../src/contract/token.ts";
import type { ChangeSignal } from "../../src/events/bus.ts";

/** Tokens in memory. @param changes grows with each change. */
export function fakeTokens(changes: Pick<ChangeSignal, "bump" | "index">, clock: Clock = systemClock): Tokens {
  const kept = new Map<string, KnownToken>();
  const record = <T>(work: (index: number) => T): T => {
    const result = work(changes.index + 1);
    changes.bump();
    return result;
  };
  return createTokens({
    store: {
      tokens: () => [...kept.values()],
      putToken: (token) => void kept.set(token.accessor, token),
      deleteToken: (accessor) => void kept.delete(accessor),
    },
    recorder: { record, recordFreeing: record },
    clock,
  });
}
