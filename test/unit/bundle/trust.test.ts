import { describe, expect, test } from "bun:test";
import { digestOf, encodeManifest, type Manifest } from "../../../src/bundle/manifest.ts";
import type { Opening } from "../../../src/bundle/read.ts";
import { judge } from "../../../src/bundle/trust.ts";
import { type Signer, signingKey, trustedKeys } from "../../helpers/bundle.ts";
import { refusal } from "../../helpers/refusal.ts";

const EMPTY: Manifest = {
  sequence: 100,
  created: "1970-01-01T00:00:00.000Z",
  key: null,
  base: null,
  jobs: [],
  binaries: [],
  artifacts: [],
  requests: [],
};

function opening(by: Signer | null, more: Partial<Manifest> = {}): Opening {
  const key = by === null ? null : signingKey(by);
  const manifest = { ...EMPTY, key: key?.id ?? null, ...more };
  const text = encodeManifest(manifest);
  return { manifest, text, digest: digestOf(text), signature: key?.sign(text) ?? null };
}

const OURS = { keys: trustedKeys("ours"), allowUnsigned: false };
const OUR_ID = signingKey("ours").id;
const told = async (...args: Parameters<typeof judge>) => (await refusal(Promise.try(() => judge(...args)))).message;

describe("a bundle is believed", () => {
  test("when a trusted key signed it, and nothing newer of that key was loaded", () => {
    judge(opening("ours"), OURS, {});
    judge(opening("ours"), { keys: [...trustedKeys("theirs"), ...trustedKeys("ours")], allowUnsigned: false }, {});
    judge(opening("ours"), OURS, { [OUR_ID]: { sequence: 99, digest: "", loadedAt: 0 } });
    judge(opening("ours"), OURS, { [signingKey("theirs").id]: { sequence: 900, digest: "", loadedAt: 0 } });
  });

  test("when it is the last one again", () => {
    const last = opening("ours");
    judge(last, OURS, { [OUR_ID]: { sequence: 100, digest: last.digest, loadedAt: 0 } });
  });

  test("unsigned only when somebody says so", async () => {
    judge(opening(null), { keys: [], allowUnsigned: true }, {});
    expect(await told(opening(null), OURS, {})).toContain("it is not signed");
  });
});

describe("a bundle is refused", () => {
  test("when another key signed it, also where unsigned ones are allowed", async () => {
    const trust = { ...OURS, allowUnsigned: true };
    expect(await told(opening("theirs"), trust, {})).toMatch(/signed with key [0-9a-f]{16}, which is not trusted here/);
    expect(await told(opening("ours"), { keys: [], allowUnsigned: true }, {})).toContain("no key is trusted here");
  });

  test("when it was changed after it was signed, or claims another's key", async () => {
    const { text: _, ...rest } = opening("ours");
    const text = encodeManifest({ ...rest.manifest, sequence: 101 });
    expect(await told({ ...rest, text }, OURS, {})).toContain("changed after it was signed");
    expect(await told(opening("theirs", { key: OUR_ID }), OURS, {})).toContain("changed after it was signed");
  });

  test("when it is older than what was loaded, or another one with the same number", async () => {
    const before = { [OUR_ID]: { sequence: 101, digest: "x", loadedAt: 0 } };
    expect(await told(opening("ours"), OURS, before)).toContain("sequence 100, and 101 of the same key was loaded");
    const same = { [OUR_ID]: { sequence: 100, digest: "x", loadedAt: 0 } };
    expect(await told(opening("ours"), OURS, same)).toContain("it is an old one");
  });
});
