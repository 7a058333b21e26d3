import { pick, type Random } from "./fuzz.ts";
import { runProgram } from "./run.ts";
import { tempDir } from "./temp.ts";
import { storedLzma2, type XzBlock, type XzStream, xzStream } from "./xz.ts";

/** What `xz --format=raw` makes of a body, with how a header says it. */
interface Sample {
  readonly data: Buffer;
  readonly body: Buffer;
  readonly filters: readonly (readonly number[])[];
}

const LZMA2 = (dictionary: number) => [0x21, 1, dictionary];

const OPTIONS: readonly (readonly [options: readonly string[], filters: readonly (readonly number[])[]])[] = [
  [["--lzma2=preset=0,dict=64KiB"], [LZMA2(8)]],
  [["--lzma2=preset=6,dict=4KiB,lc=0,lp=2,pb=0"], [LZMA2(0)]],
  [["--lzma2=preset=9e,dict=1MiB,lc=4"], [LZMA2(16)]],
  [
    ["--x86", "--lzma2=preset=0,dict=64KiB"],
    [[4, 0], LZMA2(8)],
  ],
  [
    ["--delta=dist=3", "--arm64", "--lzma2=preset=0,dict=64KiB"],
    [[3, 1, 2], [10, 0], LZMA2(8)],
  ],
];

/** Blocks as the real program packs them, of text, of code, of zeros, and of what cannot be packed. @throws when it fails. */
export async function xzSamples(): Promise<readonly Sample[]> {
  await using dir = tempDir();
  const noise = Buffer.from(Array.from({ length: 3_000 }, (_, at) => (at * at * 31 + (at >> 3) * 17 + at * 7) & 0xff));
  const text = Buffer.from(Array.from({ length: 1_500 }, (_, at) => `${at % 97} ${at % 13}\n`).join(""));
  const code = Buffer.from(
    Array.from({ length: 4_000 }, (_, at) => (at % 9 === 0 ? 0xe8 : at % 9 === 4 ? 0 : at & 0x97)),
  );
  const bodies = [noise, text, code, Buffer.alloc(200_000), Buffer.concat([text, noise, text, code, text])];
  const samples: Sample[] = [];
  for (const body of bodies) {
    await Bun.write(dir.file("plain"), body);
    for (const [options, filters] of OPTIONS) {
      const { code } = await runProgram(["xz", "--format=raw", "--suffix=.raw", "-kf", ...options, dir.file("plain")]);
      if (code !== 0) throw new Error(`xz ${options.join(" ")} exited with ${code}`);
      samples.push({ data: Buffer.from(await Bun.file(dir.file("plain.raw")).bytes()), body, filters });
    }
    samples.push({ data: storedLzma2(body), body, filters: [LZMA2(8)] });
  }
  return samples;
}

/** One to three streams of all that there is, each sound or with one lie, and now and then a change of the whole. */
export function strangeXz(samples: readonly Sample[], random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let left = 1 + random(3); left > 0; left--) {
    parts.push(xzStream(strangeStream(samples, random)));
    if (random(4) === 0) parts.push(Buffer.alloc(pick(random, [4, 8, 12, 1, 2, 40_000])));
  }
  const file = Buffer.concat(parts);
  const kind = random(16);
  if (kind === 0) return file.subarray(0, random(file.length));
  if (kind === 1) return Buffer.concat([file, Buffer.from("more")]);
  return kind === 2 ? changed(file, random) : file;
}

function strangeStream(samples: readonly Sample[], random: Random): XzStream {
  const blocks = Array.from({ length: random(4) }, () => strangeBlock(samples, random));
  // Without a check, and with a change in the data: it is the decoders themselves that are compared.
  const isBare = random(3) === 0;
  const stream: XzStream = {
    blocks: isBare ? blocks.map((block) => ({ ...block, data: changed(Buffer.from(block.data), random) })) : blocks,
    kind: isBare ? 0 : pick(random, [0, 1, 4, 10]),
  };
  if (random(12) !== 0) return stream;
  const lies: readonly Partial<XzStream>[] = [
    { footerKind: 1 + random(15) },
    { backward: random(9) },
    { records: [] },
    { records: blocks.map(({ data, body }) => [data.length + 16, body.length] as const) },
  ];
  return { ...stream, ...pick(random, lies) };
}

function strangeBlock(samples: readonly Sample[], random: Random): XzBlock {
  const sample = pick(random, samples);
  const block: XzBlock = {
    ...sample,
    ...(random(2) === 0 ? {} : { packed: sample.data.length }),
    ...(random(2) === 0 ? {} : { unpacked: sample.body.length }),
  };
  if (random(12) !== 0) return block;
  const lies: readonly Partial<XzBlock>[] = [
    { packed: block.data.length + random(3) - 1 },
    { unpacked: block.body.length + random(3) - 1 },
    { flags: 4 << random(4) },
    // Too short for what is in it, too long, or what nobody has.
    { filters: [...(block.filters?.slice(0, -1) ?? []), LZMA2(pick(random, [0, 0, 0, 1, 20, 41, 63]))] },
    { filters: [[pick(random, [2, 3, 5, 7, 8, 9, 12]), 0], LZMA2(16)] },
    { check: Buffer.alloc(4, 1) },
    { data: block.data.subarray(0, -1) },
    { data: Buffer.concat([block.data.subarray(0, -1), block.data]) },
    { data: Buffer.concat([block.data, Buffer.alloc(4)]) },
  ];
  return { ...block, ...pick(random, lies) };
}

/** A bit, a byte, or a stretch that is taken from elsewhere. */
function changed(bytes: Buffer, random: Random): Buffer {
  for (let changes = random(3); changes > 0 && bytes.length > 0; changes--) {
    const at = random(bytes.length);
    const kind = random(8);
    if (kind < 3) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
    else if (kind < 6) bytes[at] = pick(random, [0, 1, 2, 3, 0x80, 0xa0, 0xc0, 0xe0, 0xff]);
    else bytes.copy(bytes, at, random(bytes.length), Math.min(bytes.length, random(bytes.length) + 16));
  }
  return bytes;
}
