import { describe, expect, test } from "bun:test";
import { createTokens } from "../../../src/agent/tokens.ts";
import { createRecorder } from "../../../src/state/recorder.ts";
import { openStore } from "../../../src/state/store.ts";
import { manualClock } from "../../helpers/manual-clock.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

function open() {
  const store = openStore(dir.file("paddock.db"));
  const clock = manualClock();
  let reads = 0;
  const counted = {
    ...store,
    tokens: () => {
      reads++;
      return store.tokens();
    },
  };
  const tokens = createTokens({ store: counted, recorder: createRecorder(store), clock });
  return { store, clock, tokens, reads: () => reads, [Symbol.dispose]: () => store.close() };
}

const WISH = { role: "operate", name: "ci", ttlMillis: null } as const;

describe("a token", () => {
  test("is known by its secret alone, of which the store has a hash, also to the next agent", () => {
    let secret = "";
    {
      using one = open();
      const made = one.tokens.create(WISH);
      secret = made.secret;
      expect(secret).toMatch(/^paddock_[\w-]{43}$/);
      expect(made.token).toMatchObject({ role: "operate", name: "ci", expiresAt: null });
      expect(JSON.stringify(one.store.tokens())).not.toContain(secret.slice(8));
      for (const wrong of ["", made.token.hash, made.token.accessor, secret.slice(0, -1), `${secret} `]) {
        expect(one.tokens.find(wrong)).toBeUndefined();
      }
    }
    using next = open();
    expect(next.tokens.find(secret)?.name).toBe("ci");
    for (let at = 0; at < 5; at++) next.tokens.find(secret);
    expect(next.reads()).toBe(1);
  });

  test("that is revoked is nobody's, and whoever uses it is told once", () => {
    using one = open();
    const { token, secret } = one.tokens.create(WISH);
    const other = one.tokens.create(WISH);
    const told: string[] = [];
    one.tokens.whenGone(token, () => told.push("first"));
    one.tokens.whenGone(token, () => told.push("second"))();
    one.tokens.whenGone(other.token, () => told.push("other"));
    one.tokens.revoke(token.accessor);
    expect(told).toEqual(["first"]);
    expect(one.tokens.find(secret)).toBeUndefined();
    expect(one.tokens.find(other.secret)?.accessor).toBe(other.token.accessor);
    expect(() => one.tokens.revoke(token.accessor)).toThrow("ACL token not found");
    expect(one.store.tokens()).toHaveLength(1);
  });

  test("with a time is nobody's when it is over, and goes from the store with the next one", () => {
    using one = open();
    const { token, secret } = one.tokens.create({ ...WISH, ttlMillis: 1000 });
    let told = 0;
    one.tokens.whenGone(token, () => told++);
    one.clock.advance(999);
    expect(one.tokens.find(secret)).toBeDefined();
    one.clock.advance(1);
    expect(one.tokens.find(secret)).toBeUndefined();
    expect(one.tokens.list()).toEqual([]);
    expect(told).toBe(1);
    expect(one.store.tokens()).toHaveLength(1);
    one.tokens.create(WISH);
    expect(one.store.tokens().map(({ accessor }) => accessor)).not.toContain(token.accessor);
  });

  test("costs no timer when nobody waits for its end any more", () => {
    using one = open();
    const { token } = one.tokens.create({ ...WISH, ttlMillis: 1000 });
    one.tokens.whenGone(token, () => undefined)();
    expect(one.clock.waiting).toBe(0);
  });

  test("needs a name that a terminal can show", () => {
    using one = open();
    for (const name of ["a\nb", "a\u001b[31m", "x".repeat(129)]) {
      expect(() => one.tokens.create({ ...WISH, name })).toThrow("the name of a token");
    }
    expect(one.tokens.create({ ...WISH, name: "" }).token.name).toBe("");
  });
});
