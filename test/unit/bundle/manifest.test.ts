import { describe, expect, test } from "bun:test";
import { decodeManifest, encodeManifest, type Manifest } from "../../../src/bundle/manifest.ts";
import { keyFor, REQUEST } from "../../helpers/bundle.ts";
import { hexOf } from "../../helpers/hash.ts";

const BODY = Buffer.from("body");
const SUM = hexOf(BODY);
const ARTIFACT = { key: keyFor(BODY), bytes: 4, sha256: SUM, source: "http://h/a", packed: true };
const WHOLE: Manifest = {
  sequence: 7,
  created: "2026-01-02T03:04:05.000Z",
  key: "a".repeat(64),
  base: null,
  jobs: [{ file: "web.hcl", id: "web", bytes: 1, sha256: "b".repeat(64) }],
  binaries: [{ file: "paddock-linux-x64", bytes: 1, sha256: "c".repeat(64), packed: true }],
  artifacts: [ARTIFACT, { ...ARTIFACT, key: keyFor(BODY, "md5") }],
  requests: [{ request: REQUEST, key: keyFor(BODY), source: "http://h/a", validator: { kind: "etag", value: '"1"' } }],
};

const refused = (text: string | Uint8Array) => expect(() => decodeManifest(Buffer.from(text)));

describe("a manifest", () => {
  test("is read as it was written", () => {
    expect(decodeManifest(encodeManifest(WHOLE))).toEqual(WHOLE);
  });

  test("in any other form of the same is refused: two readers might take it for two things", () => {
    const text = encodeManifest(WHOLE).toString();
    refused(text.trimEnd()).toThrow("damaged");
    refused(JSON.stringify(JSON.parse(text))).toThrow("damaged");
    refused(text.replace('"sequence": 7', '"sequence": 6,\n  "sequence": 7')).toThrow("damaged");
    refused(text.replace('"sequence": 7', '"sequence": 7.0')).toThrow("damaged");
    refused(text.replace('"sequence": 7', '"sequence": 7,\n  "zeal": 1')).toThrow("damaged");
    refused("[".repeat(100_000)).toThrow("damaged");
    refused(Buffer.from([0xff, 0xfe])).toThrow("damaged");
  });

  test("cannot name a file outside of a directory", () => {
    const text = encodeManifest(WHOLE).toString();
    for (const name of ["../web.hcl", "a/b", ".hidden", "", "a\\u0000b", "-o", "a b", "x".repeat(81)]) {
      refused(text.replace("web.hcl", name)).toThrow("damaged");
    }
  });

  test("that contradicts itself is refused, whoever signed it", () => {
    const odd = (more: Partial<Manifest>) => refused(encodeManifest({ ...WHOLE, ...more }));
    odd({ artifacts: [{ ...ARTIFACT, sha256: "d".repeat(64) }] }).toThrow("contradicts itself");
    odd({ artifacts: [ARTIFACT, ARTIFACT] }).toThrow("contradicts itself");
    odd({ artifacts: [] }).toThrow("contradicts itself");
    odd({ jobs: [...WHOLE.jobs, ...WHOLE.jobs] }).toThrow("contradicts itself");
    odd({ artifacts: [{ ...ARTIFACT, packed: false }], requests: [] }).toThrow("left out");
  });
});
