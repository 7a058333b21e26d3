import { describe, expect, test } from "bun:test";
import {
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { settleChecksum } from "../../src/artifact/source/read-checksum.ts";
import { execProgram } from "../../src/base/exec.ts";
import { cachePlaces } from "../../src/paths.ts";
import { tarOf } from "../helpers/archives.ts";
import { artifactBench, BODY, fetchHere, sum, type Wanted } from "../helpers/artifact.ts";
import { refusal } from "../helpers/refusal.ts";
import { listing } from "../helpers/unpacking.ts";

const here = artifactBench();

/** A path in the directory that the configuration names. */
function file(...names: string[]): string {
  mkdirSync(here.dir.file("images"), { recursive: true });
  return join(here.dir.file("images"), ...names);
}

function get(source: string, wanted: Wanted = {}) {
  const rules = { filePaths: [here.dir.file("images")], ...wanted.rules };
  return fetchHere(here.plan(source, { ...wanted, rules }), here.cache);
}

const local = (...names: string[]): string => join(here.dirs.local, ...names);

describe("a file of the host", () => {
  test.each(["file://", "file::", "", "file::file://"])("comes by %p and its path, proved", async (prefix) => {
    writeFileSync(file("a.img"), BODY);
    const got = await get(`${prefix}${file("a.img")}`, { checksum: sum("sha1") });
    expect(got).toMatchObject({ bytes: BODY.length, checksum: sum("sha1"), cached: false });
    expect(readFileSync(local("a.img")).equals(BODY)).toBe(true);
    expect(statSync(file("a.img")).nlink).toBe(1);
  });

  test("is unpacked when it is an archive, and its name may be escaped", async () => {
    writeFileSync(file("my tree.tar"), tarOf({ name: "a/x", body: "one" }, { name: "b", body: "two" }));
    await get(`file://${file("my%20tree.tar")}//a`);
    expect(listing(here.dirs.local)).toEqual(["x"]);
  });

  test("keeps its holes", async () => {
    writeFileSync(file("sparse.img"), BODY);
    truncateSync(file("sparse.img"), 64 << 20);
    const got = await get(file("sparse.img"));
    expect(got.bytes).toBe(64 << 20);
    expect(statSync(local("sparse.img")).blocks * 512).toBeLessThan(1 << 20);
  });

  test("is copied once as long as nobody changes it", async () => {
    writeFileSync(file("a.img"), BODY);
    await get(file("a.img"));
    expect((await get(file("a.img"))).cached).toBe(true);
    writeFileSync(file("a.img"), Buffer.alloc(BODY.length, "n"));
    utimesSync(file("a.img"), 1, 1);
    expect((await get(file("a.img"))).cached).toBe(false);
    expect(readFileSync(local("a.img"), "latin1")).toBe("n".repeat(BODY.length));
  });

  test("gives a checksum from a list beside it", async () => {
    writeFileSync(file("a.img"), BODY);
    writeFileSync(file("SHA256SUMS"), `${sum("sha256").slice(7)}  a.img\n`);
    const rules = { filePaths: [here.dir.file("images")] };
    const plan = here.plan(file("a.img"), { rules, checksum: `file:${file("SHA256SUMS")}` });
    const silent = { signal: new AbortController().signal, onRetry: () => undefined, tell: () => undefined };
    const settled = await settleChecksum(plan, silent);
    expect((await fetchHere(settled, here.cache)).checksum).toBe(sum("sha256"));
    const outside = here.plan(file("a.img"), { rules, checksum: "file:/etc/hostname" });
    expect((await refusal(settleChecksum(outside, silent))).message).toContain("file_paths");
  });
});

describe("refused, with nothing left behind, is", () => {
  const left = (): string[] => [
    ...readdirSync(here.dirs.local),
    ...readdirSync(cachePlaces(here.cache).parts).filter((name) => !name.endsWith(".pin")),
  ];

  async function expectRefusal(source: string, message: string, wanted: Wanted = {}): Promise<void> {
    const error = await refusal(get(source, wanted));
    expect(error.message).toContain(message);
    expect(error.code).toBe("fetch");
    expect(left()).toEqual([]);
  }

  test("every file of an agent that names no directory", async () => {
    writeFileSync(file("a.img"), BODY);
    await expectRefusal(file("a.img"), "client.artifact.file_paths, which is empty", { rules: { filePaths: [] } });
  });

  test("a file elsewhere, there or not, in the same words", async () => {
    await expectRefusal("/etc/hostname", "/etc/hostname is not in a directory of");
    await expectRefusal("/etc/no-such-file", "/etc/no-such-file is not in a directory of");
    await expectRefusal(`${file()}/../data/x`, "is not in a directory of");
    await expectRefusal(`file://${file()}%2f..%2f..%2fetc%2fhostname`, "is not in a directory of");
    mkdirSync(here.dir.file("images-other"));
    writeFileSync(here.dir.file("images-other/a"), "");
    await expectRefusal(here.dir.file("images-other/a"), "is not in a directory of");
  });

  test("a link that leads out, and a directory that is one", async () => {
    symlinkSync("/etc/hostname", file("a.img"));
    symlinkSync("/etc", file("etc"));
    await expectRefusal(file("a.img"), "is not in a directory of");
    await expectRefusal(file("etc/hostname"), "is not in a directory of");
    writeFileSync(file("real.img"), BODY);
    symlinkSync("real.img", file("link.img"));
    expect((await get(file("link.img"))).bytes).toBe(BODY.length);
  });

  test("a directory, a FIFO, a device and what is not there", async () => {
    mkdirSync(file("dir"));
    await execProgram(["/usr/bin/mkfifo", file("fifo")], 5_000);
    await expectRefusal(file("dir"), "expected a regular file, found a directory");
    await expectRefusal(file("fifo"), "expected a regular file, found a FIFO");
    await expectRefusal("/dev/zero", "expected a regular file, found a device", { rules: { filePaths: ["/dev"] } });
    await expectRefusal(file("nothing"), "no such file");
  });

  test("a file of the agent's own", async () => {
    writeFileSync(file("paddock.db"), "secret");
    const rules = { agentDirs: [here.dir.file("images")], filePaths: [here.dir.path] };
    await expectRefusal(file("paddock.db"), "it is in the agent's own directories", { rules });
  });

  test("a wrong checksum", async () => {
    writeFileSync(file("a.img"), "other");
    await expectRefusal(file("a.img"), "checksum of 5 bytes: expected", { checksum: sum("sha256") });
  });

  test("the directory that a link swapped in for it between two looks", async () => {
    mkdirSync(file("now"));
    writeFileSync(file("now/hostname"), "mine");
    mkdirSync(file("later"));
    symlinkSync("/etc/hostname", file("later/hostname"));
    for (let round = 0; round < 20; round++) {
      const got = get(file("now/hostname"), { destination: `local/${round}/` }).catch(() => null);
      renameSync(file("now"), file("aside"));
      renameSync(file("later"), file("now"));
      renameSync(file("aside"), file("later"));
      if ((await got) === null) continue;
      expect(readFileSync(local(String(round), "hostname"), "utf8")).toBe("mine");
    }
  });

  test.each([
    ["file://host/srv/a.img", "an address without a host"],
    ["file:///srv/a.img?x=1", 'option "x" means nothing'],
    ["file:///srv/", "expected the path of a file"],
  ])("%s at plan time", (source, message) => {
    expect(() => here.plan(source)).toThrow(message);
  });
});

test("a hard link in such a directory is the operator's own", async () => {
  writeFileSync(here.dir.file("elsewhere"), BODY);
  linkSync(here.dir.file("elsewhere"), file("a.img"));
  expect((await get(file("a.img"))).checksum).toBe(sum("sha256"));
});
