import { afterAll, beforeAll, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { describeImage } from "../../src/image/describe.ts";
import { inspectHeader } from "../../src/image/header.ts";
import type { Inspection } from "../../src/image/inspection.ts";
import { growOverlay, inspectOverlay, overlayBytes } from "../../src/image/overlay.ts";
import { type BlockLayer, startBlockLayer } from "../helpers/block-layer.ts";
import { FUZZ_SEED, fuzz, fuzzRuns, isOneRun, pick, type Random } from "../helpers/fuzz.ts";
import { peakGrowth } from "../helpers/memory.ts";
import { mutateQcow2 } from "../helpers/qcow2-mutations.ts";
import { runProgram } from "../helpers/run.ts";
import { tempForAll } from "../helpers/temp-per-test.ts";

const MIB = 2 ** 20;
/** What the cases themselves leave to the collector is some 150 MiB; a size or a count that is believed takes GiB. */
const ENOUGH = 512 * MIB;
const RUNS = { qcow2: fuzzRuns(1000), probe: fuzzRuns(200), overlay: fuzzRuns(60) };

/** What `qemu-img create` makes, one of every kind that changes the header; small, for each is written out again and again. */
const KINDS = [
  ["plain", "1G"],
  ["v2", "-o", "compat=0.10", "1G"],
  ["small", "-o", "cluster_size=512", "1M"],
  ["zstd", "-o", "cluster_size=4k,compression_type=zstd", "4M"],
  ["subclusters", "-o", "cluster_size=16k,extended_l2=on", "1G"],
  ["lazy", "-o", "cluster_size=4k,lazy_refcounts=on,refcount_bits=1", "10M"],
  ["snapshots", "-o", "cluster_size=4k", "10M"],
  ["bitmap", "-o", "cluster_size=4k", "10M"],
] as const;

/** Refused by us where QEMU goes on: what names another file, and what a damaged or broken-off file looks like. */
const OURS_ALONE =
  /backing file|names a backing format|external data file|lie behind the end of the file|(l1|refcount)_table_offset: expected .*, found 0$|snapshots_offset: expected|virtual size: expected at least 512|header_length: expected a multiple|header_length: expected 104 to 1\d\d,/;

/** What QEMU finds only in the tables, which nobody reads before it. */
const BEYOND_THE_HEADER =
  /snapshot table|Bitmap '|bitmaps found|bitmap directory|Could not repair|Could not update qcow2 header|Could not read snapshots/;

const dir = tempForAll();
let blocks: BlockLayer;
let images: Buffer[];

async function qemuImg(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(["qemu-img", ...args], { cwd: dir.path });
  if (code !== 0) throw new Error(`qemu-img ${args.join(" ")}: ${stderr}`);
  return stdout;
}

beforeAll(async () => {
  blocks = await startBlockLayer(dir.path);
  for (const [name, ...args] of KINDS) {
    await qemuImg("create", "-q", "-f", "qcow2", ...args.slice(0, -1), name, args.at(-1) ?? "");
  }
  for (const name of ["one", "two"]) await qemuImg("snapshot", "-c", name, "snapshots");
  await qemuImg("bitmap", "--add", "bitmap", "b0");
  images = [...KINDS.map(([name]) => readFileSync(dir.file(name))), Buffer.from(overlayBytes(MIB))];
  writeFileSync(dir.file("canary"), "canary");
});
afterAll(async () => {
  await blocks[Symbol.asyncDispose]();
});

function inspect(path: string, how = inspectHeader): Inspection {
  const fd = openSync(path, "r");
  try {
    return how(fd);
  } finally {
    closeSync(fd);
  }
}

/** The word for what was compared. @throws when QEMU sees another disk than we do, or opens what we refuse without a reason of our own. */
async function compare(path: string): Promise<"same" | "refused" | "tables"> {
  const seen = inspect(path);
  const facts = describeImage(path);
  expect(facts.refused === null).toBe(seen.format !== "refused");
  if (seen.format === "raw") throw new Error("an image with qcow2's magic is no raw one");
  const opened = await blocks.open(path, "qcow2", seen.format === "qcow2" ? { backing: null } : {});
  if (seen.format === "refused") {
    expect(seen.found + seen.hint).not.toMatch(/[\u0000-\u001f\u007f]/);
    expect(seen.hint).not.toBe("");
    if (opened.kind === "open") expect(seen.found).toMatch(OURS_ALONE);
    return "refused";
  }
  if (opened.kind === "refused") {
    expect(opened.why).toMatch(BEYOND_THE_HEADER);
    return "tables";
  }
  expect(opened).toMatchObject({ format: "qcow2", virtualSize: seen.virtualSize, backing: false });
  expect(facts.qcow2).toMatchObject({ virtualSize: seen.virtualSize, backingFile: null, dataFile: null });
  return "same";
}

test(`${RUNS.qcow2} qcow2 images with changed headers and tables are the same disk to us as to QEMU, or refused, in bounded memory (seed ${FUZZ_SEED})`, async () => {
  const count = { same: 0, refused: 0, tables: 0 };
  const grown = await peakGrowth(() =>
    fuzz("qcow2", RUNS.qcow2, async (random) => {
      const told: string[] = [];
      writeFileSync(dir.file("image"), mutateQcow2(pick(random, images), random, dir.file("canary"), told));
      try {
        count[await compare(dir.file("image"))]++;
      } catch (error) {
        throw new Error(`${told.join("; ")}: ${error}`);
      }
    }),
  );
  expect(readFileSync(dir.file("canary"), "utf8")).toBe("canary");
  if (isOneRun) return;
  // Neither side of it may be empty, or nothing was compared.
  expect(count.same).toBeGreaterThan(RUNS.qcow2 / 6);
  expect(count.refused).toBeGreaterThan(RUNS.qcow2 / 3);
  expect(count.tables).toBeLessThan(RUNS.qcow2 / 50);
  expect(grown).toBeLessThan(ENOUGH);
}, 300_000);

/** The beginning of a file as formats have it that QEMU would find by itself, and of those that are near to one. */
const MAGICS = [
  ...["QFI\u00fb\0\0\0\u0001", "QFI\u00fb\0\0\0\u0002", "QFI\u00fb", "KDMV", "COWD", "conectix", "vhdxfile", "QED\0"],
  ...[
    "LUKS\u00ba\u00be\0\u0001",
    "LUKS\u00ba\u00be\0\u0002",
    "WithoutFreeSpace",
    "WithouFreSpacExt",
    "Bochs Virtual HD Image",
  ],
  ...[
    "#!/bin/sh\n#V2.0 Format\nmodprobe cloop file=$0 && mount -r -t iso9660 /dev/cloop $1\n",
    "# Disk DescriptorFile\n",
  ],
  ...[
    "version=1\n",
    "# x\n\nversion=3\ncreateType=monolithicFlat\n",
    "\u007f\u0010\u00da\u00be",
    "koly",
    "\r\nversion=2\n",
  ],
  ...["version=4\n", "  version=1\n", "#version=1", "# x\r\n   \r\nversion=1\r\n"],
];

function strangeFile(random: Random): Buffer {
  const bytes = Buffer.alloc(pick(random, [8, 100, 511, 512, 513, 1536, 4096, 70_000]));
  if (random(2) === 0) for (let at = 0; at < bytes.length; at++) bytes[at] = random(256);
  for (let times = 1 + random(2); times > 0; times--) {
    const magic = Buffer.from(pick(random, MAGICS), "latin1");
    if (random(4) === 0) magic[random(magic.length)] = random(256);
    magic.copy(bytes, pick(random, [0, 0, 0, 0, 64, bytes.length - 512, bytes.length - 511, 3]) & 0x1_ffff);
  }
  return bytes;
}

test(`of ${RUNS.probe} files none is raw to us that qemu-img takes for something else (seed ${FUZZ_SEED})`, async () => {
  let raw = 0;
  await fuzz("probe", RUNS.probe, async (random) => {
    writeFileSync(dir.file("strange"), strangeFile(random));
    if (inspect(dir.file("strange")).format !== "raw") return;
    raw++;
    const { stdout, stderr } = await runProgram(["qemu-img", "info", "--output=json", dir.file("strange")]);
    expect(stdout === "" ? stderr : (JSON.parse(stdout) as { format: string }).format).toBe("raw");
  });
  if (isOneRun) return;
  expect(raw).toBeGreaterThan(RUNS.probe / 10);
  expect(raw).toBeLessThan(RUNS.probe);
}, 120_000);

test(`${RUNS.overlay} overlays of any size, grown and written to, are sound to qemu-img and what we read of them (seed ${FUZZ_SEED})`, async () => {
  await fuzz("overlay", RUNS.overlay, async (random) => {
    const path = dir.file("overlay");
    const sectors = 1 + random(2 ** pick(random, [3, 12, 21, 30]));
    const size = (sectors + random(sectors)) * 512;
    writeFileSync(path, overlayBytes(sectors * 512));
    const fd = openSync(path, "r+");
    try {
      growOverlay(fd, Math.max(size, sectors * 512));
    } finally {
      closeSync(fd);
    }
    const bytes = Math.min(size, 512 * (1 + random(1000)));
    const at = random(Math.floor((size - bytes) / 512) + 1) * 512;
    const write = `write -q -P ${1 + random(255)} ${at} ${bytes}`;
    const wrote = await runProgram(["qemu-io", "-f", "qcow2", "-c", write, path]);
    expect(wrote).toMatchObject({ code: 0, stdout: "", stderr: "" });
    const check = JSON.parse(await qemuImg("check", "-f", "qcow2", "--output=json", path));
    expect(check).toMatchObject({ "check-errors": 0 });
    expect(check).not.toContainAnyKeys(["leaks", "corruptions"]);
    const info = JSON.parse(await qemuImg("info", "--output=json", path)) as { "virtual-size": number };
    expect(inspect(path, inspectOverlay)).toEqual({ format: "qcow2", virtualSize: info["virtual-size"] });
    expect(info["virtual-size"]).toBe(Math.max(size, sectors * 512));
  });
}, 180_000);
