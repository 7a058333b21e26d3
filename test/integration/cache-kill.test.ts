import { expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { listEntries, namesIn } from "../../src/cache/entry.ts";
import { artifactBench } from "../helpers/artifact.ts";
import { hashOf } from "../helpers/hash.ts";
import { killSometime } from "../helpers/kill-sometime.ts";
import { randomBelow } from "../helpers/random.ts";
import { listing } from "../helpers/unpacking.ts";

const here = artifactBench();

const ROUNDS = 15;
const random = randomBelow(15);

test("an agent that is killed at any instant leaves no file that could be taken for good, and the next one goes on", async () => {
  const plain = Buffer.alloc(2 << 20, "disk image ");
  here.origin.set("/d.img.gz", { kind: "bytes", body: gzipSync(plain), headers: { etag: '"one"' } });
  const script = join(import.meta.dirname, "artifact", "acquire-forever.ts");
  const start = (...more: string[]) =>
    Bun.spawn([process.execPath, script, here.origin.url("/d.img.gz"), here.dir.path, ...more], {
      stdio: ["ignore", "pipe", "inherit"],
    });
  const path = join(here.dirs.local, "d.img");
  const isWhole = (): void => {
    for (const { key, found } of listEntries(here.cache)) {
      if (found.kind !== "there") throw new Error(`${key.hex}: ${JSON.stringify(found)}`);
      const { files, record } = found.entry;
      expect(hashOf(files.content)).toBe(key.hex);
      if (record.unpacked !== null) expect(readFileSync(files.unpacked).equals(plain)).toBe(true);
    }
    if (existsSync(path)) expect(readFileSync(path).equals(plain)).toBe(true);
  };
  for (let round = 0; round < ROUNDS; round++) {
    await killSometime(start(), random(60));
    isWhole();
  }
  expect(await start("once").exited).toBe(0);
  isWhole();
  expect(existsSync(path)).toBe(true);
  expect(readdirSync(here.dirs.local)).toEqual(["d.img"]);
  expect(listing(join(here.cache, "parts"))).toEqual([]);
  expect(namesIn(here.cache).filter((name) => name.endsWith(".download"))).toEqual([]);
}, 180_000);
