import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync } from "node:fs";
import type { Manifest } from "../../../src/bundle/manifest.ts";
import { BundleReader, type Opening } from "../../../src/bundle/read.ts";
import { judge } from "../../../src/bundle/trust.ts";
import { makeBundle, trustedKeys } from "../../helpers/bundle.ts";
import { refusal } from "../../helpers/refusal.ts";
import { tempForAll } from "../../helpers/temp-per-test.ts";

const FIRST = Buffer.alloc(700, "first");
const SECOND = Buffer.alloc(1024, "second");
setDefaultTimeout(60_000);
const dir = tempForAll();
let whole: Buffer;
let manifest: Manifest;

beforeAll(async () => {
  const jobs = { "web.hcl": "job {}", "db.hcl": "" };
  manifest = await makeBundle(dir.file("a.tar"), { jobs, artifacts: [{ body: FIRST }, { body: SECOND }] });
  whole = readFileSync(dir.file("a.tar"));
});

async function* chunks(bytes: Uint8Array, length: number): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += length) yield bytes.subarray(at, at + length);
}

/** Reads a bundle as the agent does, but for the cache. */
async function read(bytes: Uint8Array, length = 512): Promise<{ opening: Opening; members: Record<string, string> }> {
  const reader = new BundleReader(chunks(bytes, length));
  const members: Record<string, string> = {};
  let pieces: Uint8Array[] = [];
  let name = "";
  try {
    const opening = await reader.open();
    judge(opening, { keys: trustedKeys("ours"), allowUnsigned: false }, {});
    await reader.readMembers(opening.manifest, {
      begin: async (member) => {
        name = member.name;
        pieces = [];
      },
      write: async (piece) => void pieces.push(Buffer.from(piece)),
      end: async () => {
        members[name] = Buffer.concat(pieces).toString();
      },
    });
    return { opening, members };
  } finally {
    await reader.close();
  }
}

const failureOf = async (bytes: Uint8Array): Promise<string> => (await refusal(read(bytes))).message;

describe("a bundle", () => {
  test("is read as it was written, however its bytes come", async () => {
    for (const length of [1, 511, 512, 1 << 20]) {
      const { opening, members } = await read(whole, length);
      expect(opening.manifest).toEqual(manifest);
      expect(Object.values(members)).toEqual(["job {}", "", FIRST.toString(), SECOND.toString()]);
      expect(Object.keys(members).map((name) => name.split("/")[0])).toEqual([
        "jobs",
        "jobs",
        "artifacts",
        "artifacts",
      ]);
    }
  });

  test("is a tar to tar itself", () => {
    const listed = Bun.spawnSync(["tar", "-tvf", dir.file("a.tar")]);
    expect(listed.stderr.toString()).toBe("");
    const lines = listed.stdout.toString().trim().split("\n");
    expect(lines).toHaveLength(6);
    expect(lines[0]).toMatch(/^-rw-r--r-- 0\/0 +\d+ 1970-01-01 .* manifest\.json$/);
    expect(Bun.spawnSync(["tar", "-xOf", dir.file("a.tar"), "jobs/web.hcl"]).stdout.toString()).toBe("job {}");
  });

  test("is refused when one bit of it is another, whichever", async () => {
    const passed: number[] = [];
    for (let at = 0; at < whole.length; at++) {
      const damaged = Buffer.from(whole);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << (at % 8));
      const told = await read(damaged, 1 << 20).then(
        () => undefined,
        (error: Error) => error.message,
      );
      if (told?.startsWith("the bundle is refused: ") !== true) passed.push(at);
    }
    expect(passed).toEqual([]);
  });

  test("is refused when it is cut off, wherever", async () => {
    for (let end = 0; end < whole.length; end += 97) {
      expect(await failureOf(whole.subarray(0, end))).toMatch(/cut off: it ends at byte \d+, within /);
    }
    expect(await failureOf(whole.subarray(0, -1))).toContain("cut off");
  });

  test("is refused when there is more behind its end", async () => {
    expect(await failureOf(Buffer.concat([whole, Buffer.alloc(1)]))).toContain("other bytes behind its end");
  });

  test("is refused when its files are in another order, or one is left out", async () => {
    const end = whole.length - 1024;
    const second = whole.subarray(end - 1536, end);
    const first = whole.subarray(end - 1536 - 1536, end - 1536);
    const before = whole.subarray(0, end - 3072);
    const turned = Buffer.concat([before, second, first, whole.subarray(end)]);
    expect(await failureOf(turned)).toMatch(/expected artifacts\/0-sha256-.* found "artifacts\/1-.*in another order/);
    expect(await failureOf(Buffer.concat([before, second, whole.subarray(end)]))).toContain("in another order");
    expect(await failureOf(Buffer.concat([before, first, whole.subarray(end)]))).toContain("damaged at byte");
  });

  test("that is something else is no bundle", async () => {
    for (const bytes of [Buffer.alloc(4096), Buffer.alloc(4096, "x"), whole.subarray(1024)]) {
      expect(await failureOf(bytes)).toContain("does not begin with a manifest");
    }
  });

  test("with a manifest of any length is refused before it is read", async () => {
    const header = Buffer.from(whole.subarray(0, 512));
    header.write("77777777777", 124, "latin1");
    header.fill(0x20, 148, 156);
    header.write(
      `${header
        .reduce((sum, byte) => sum + byte, 0)
        .toString(8)
        .padStart(6, "0")}\0 `,
      148,
      "latin1",
    );
    expect(await failureOf(header)).toContain("expected at most 4194304");
  });
});
