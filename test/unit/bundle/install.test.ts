import { expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { beginInstallation } from "../../../src/bundle/install.ts";
import type { Manifest } from "../../../src/bundle/manifest.ts";
import { lookUp } from "../../../src/cache/entry.ts";
import { keyFor } from "../../helpers/bundle.ts";
import { putEntry } from "../../helpers/cache.ts";
import { hexOf } from "../../helpers/hash.ts";
import { tempDir } from "../../helpers/temp.ts";

const BODY = Buffer.from("body");
const OLD = Buffer.from("old");

function manifestOf(bytes: number): Manifest {
  const artifact = { key: keyFor(BODY), bytes, sha256: hexOf(BODY), source: "http://h/a", packed: true };
  const old = { ...artifact, key: keyFor(OLD), sha256: hexOf(OLD), bytes: 2 ** 43 };
  return {
    ...{
      sequence: 1,
      created: "2026-01-02T03:04:05.000Z",
      key: null,
      base: null,
      jobs: [],
      binaries: [],
      requests: [],
    },
    artifacts: [artifact, old],
  };
}

test("a bundle for which there is no room is refused before it comes, and nothing is removed for it", async () => {
  await using dir = tempDir();
  putEntry(dir.path, OLD);
  expect(() => beginInstallation(dir.path, manifestOf(2 ** 43), Date.now)).toThrow(
    /^no room for the bundle: needed 8 TiB, free /,
  );
  expect(lookUp(dir.path, keyFor(OLD)).kind).toBe("there");
  expect(readdirSync(`${dir.path}/parts`)).toEqual([]);
});

test("what a bundle finds in the cache stays there until the bundle is loaded or given up, and needs no room", async () => {
  await using dir = tempDir();
  putEntry(dir.path, OLD);
  const installation = beginInstallation(dir.path, manifestOf(4), Date.now);
  expect(lookUp(dir.path, keyFor(OLD))).toMatchObject({ entry: { pins: 1 } });
  installation.close();
  expect(lookUp(dir.path, keyFor(OLD))).toMatchObject({ entry: { pins: 0 } });
});
