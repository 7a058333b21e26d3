import { expect, setDefaultTimeout, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { open } from "node:fs/promises";
import { unpackXz } from "../../src/archive/xz/xz.ts";
import { peakGrowth } from "../helpers/memory.ts";
import { refusal } from "../helpers/refusal.ts";
import { runProgram } from "../helpers/run.ts";
import { type TempDir, tempDir } from "../helpers/temp.ts";
import { unpackBytes } from "../helpers/unpacking.ts";
import { xzStream } from "../helpers/xz.ts";

setDefaultTimeout(120_000);

/** Real code of this machine, text, and what cannot be compressed. */
const BODY = Buffer.concat([
  readFileSync(process.execPath).subarray(0, 6 << 20),
  Buffer.from(Array.from({ length: 60_000 }, (_, at) => `${at} ${at % 97}\n`).join("")),
  crypto.getRandomValues(Buffer.alloc(60_000)),
  Buffer.alloc(3 << 20),
]);

const hasXz = Bun.which("xz") !== null;
if (!hasXz) console.log("what xz itself makes is not tested: this host has no xz");
const testXz = test.skipIf(!hasXz);

async function packed(dir: TempDir, options: readonly string[], body: Uint8Array = BODY): Promise<Buffer> {
  writeFileSync(dir.file("plain"), body);
  const { code, stderr } = await runProgram(["xz", "-k", ...options, dir.file("plain")]);
  if (code !== 0) throw new Error(stderr);
  return readFileSync(dir.file("plain.xz"));
}

testXz.each(
  [
    "-0",
    "-1",
    "-6",
    "-9e",
    "-0 --check=none",
    "-0 --check=crc32",
    "-0 --check=sha256",
    "-0 -T2 --block-size=300KiB",
    "-0 -T1 --block-list=1,100KiB,4096,0",
    "-1 --flush-timeout=1",
    "--lzma2=dict=4KiB,lc=0,lp=4,pb=4",
    "--lzma2=dict=4KiB,lc=4,lp=0,pb=0",
    "--lzma2=dict=768KiB,lc=1,lp=2,pb=1,nice=5",
    "--lzma2=dict=64MiB,mf=bt2,nice=273",
    "--x86 --lzma2=preset=0",
    "--x86=start=4096 --lzma2=preset=0",
    "--arm --lzma2=preset=0",
    "--armthumb --lzma2=preset=0",
    "--arm64 --lzma2=preset=0",
    "--powerpc --lzma2=preset=0",
    "--sparc --lzma2=preset=0",
    "--delta=dist=1 --lzma2=preset=0",
    "--delta=dist=256 --lzma2=preset=0",
    "--delta=dist=4 --x86 --arm64 --lzma2=preset=0",
    "--x86 --powerpc --delta=dist=3 --lzma2=preset=0 --block-size=1MiB",
  ].map((options) => [options]),
)("what xz %s packs comes out", async (options) => {
  await using dir = tempDir();
  await unpackBytes(dir, await packed(dir, options.split(" ")), "xz");
  expect(readFileSync(dir.file("out", "content")).equals(BODY)).toBe(true);
});

testXz.each(["--x86", "--arm64", "--powerpc"])("of what %s changed every length comes out", async (filter) => {
  // Code in which nearly everything looks like a call, or like half of one.
  const bytes = [0xe8, 0xe9, 0x00, 0xff, 0x94, 0x90, 0x48, 0x01];
  const code = Buffer.from(Array.from({ length: 5_000 }, (_, at) => bytes[(at * at + (at >> 3)) % 8] ?? 0));
  for (const length of [1, 3, 4, 5, 6, 7, 8, 9, 4_095, 4_998, 5_000]) {
    await using dir = tempDir();
    const body = code.subarray(0, length);
    await unpackBytes(dir, await packed(dir, [filter, "--lzma2=preset=0"], body), "xz");
    expect(readFileSync(dir.file("out", "content")).equals(body)).toBe(true);
  }
});

testXz("a dictionary of more than 64 MiB is refused, with what to do instead", async () => {
  await using dir = tempDir();
  const file = await packed(dir, ["--lzma2=preset=0,dict=96MiB"], Buffer.from("small"));
  const error = await refusal(unpackBytes(dir, file, "xz"));
  expect(error.message).toBe("the xz file needs a dictionary of more than 64 MiB");
  expect(error.hint).toBe("compress it with xz -9 or less");
});

testXz("what reaches further back than its dictionary is refused, though it is in memory", async () => {
  await using dir = tempDir();
  const half = crypto.getRandomValues(Buffer.alloc(10_000));
  const body = Buffer.concat([half, half]);
  await packed(dir, ["--format=raw", "--suffix=.xz", "--lzma2=preset=0,dict=64KiB"], body);
  const data = readFileSync(dir.file("plain.xz"));
  const file = (dictionary: number): Buffer => xzStream({ blocks: [{ data, body, filters: [[0x21, 1, dictionary]] }] });
  expect((await refusal(unpackBytes(dir, file(0), "xz"))).message).toContain("damaged (a distance)");
  await using other = tempDir();
  await unpackBytes(other, file(8), "xz");
  expect(readFileSync(other.file("out", "content")).equals(body)).toBe(true);
});

testXz("memory does not grow with what comes out", async () => {
  await using dir = tempDir();
  const file = await packed(dir, ["-1", "--block-size=4MiB"]);
  const many = Buffer.alloc(file.length * 8, file);
  writeFileSync(dir.file("many.xz"), many);
  let bytes = 0;
  const grown = await peakGrowth(async () => {
    await using handle = await open(dir.file("many.xz"));
    for await (const piece of unpackXz({ handle, size: many.length, signal: new AbortController().signal })) {
      bytes += piece.length;
    }
  });
  expect(bytes).toBe(BODY.length * 8);
  // Machine code that is made for it takes a few MiB; some 80 MiB come out.
  expect(grown).toBeLessThan(48 << 20);
});

testXz("the memory of a dictionary is given back at the end, and when nobody asks for the rest", async () => {
  await using dir = tempDir();
  const file = await packed(dir, ["-9"]);
  writeFileSync(dir.file("nine.xz"), file);
  await using handle = await open(dir.file("nine.xz"));
  const request = { handle, size: file.length, signal: new AbortController().signal };
  let window: ArrayBufferLike | undefined;
  for await (const piece of unpackXz(request)) window = piece.buffer;
  expect(window?.byteLength).toBe(0);
  const left = unpackXz(request);
  const { value } = await left.next();
  expect(value?.buffer.byteLength).toBe(64 << 20);
  await left.return(undefined);
  expect(value?.buffer.byteLength).toBe(0);
});
