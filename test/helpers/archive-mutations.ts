import { GNU_MAGIC, octal, pax, type TarEntry, tarEntry, tarOf, type ZipEntry, zipOf } from "./archives.ts";
import { pick, type Random } from "./fuzz.ts";

const NAMES = [
  "a",
  "b",
  "d/",
  "d/a",
  "d/e/f",
  "./a",
  "a/",
  "d//b",
  "l",
  "l/a",
  "h",
  "x".repeat(120),
  "ä",
  "...",
  "a b",
];
/** What no archive may have, so that it is not all refused for its names only one in some. */
const EVIL_NAMES = ["../x", "/x", "d/../../x", "", ".", "..", "a\0b", "a\\b", "a\u001bb", "y".repeat(256), ".paddock"];
const LINKS = ["a", "b", "d/a", "./a", "d", "nothing", "../x", "/etc/passwd", "d/../a", ""];

const nameOf = (random: Random): string => pick(random, random(30) === 0 ? EVIL_NAMES : NAMES);
const bodyOf = (random: Random): Buffer => {
  const body = Buffer.alloc(pick(random, [0, 1, 511, 512, 513, 3000]), 1 + random(9));
  // Some zeros in between, which become a hole.
  return random(3) === 0 ? Buffer.concat([body, Buffer.alloc(random(9000)), body]) : body;
};

/** One to five entries of all the kinds that there are, each sound or with one lie, and now and then a change of the whole. */
export function strangeTar(random: Random): Buffer {
  const parts: Buffer[] = [];
  for (let left = 1 + random(5); left > 0; left--) {
    const entries = pick(random, [plainEntry, plainEntry, linkEntry, oldSparse, paxSparse, paxEntry, gnuNamed])(random);
    for (const entry of entries) parts.push(tarEntry(random(16) === 0 ? withLie(entry, random) : entry));
  }
  const tar = Buffer.concat([...parts, tarOf()]);
  if (random(8) !== 0) return tar;
  const at = random(tar.length);
  return pick(random, [
    () => tar.subarray(0, at),
    () => Buffer.concat([tar, Buffer.alloc(512, random(2))]),
    () => tar.subarray(0, tar.length - 512),
    () => Buffer.concat([tar.subarray(0, at & ~511), tar.subarray((at & ~511) + 512)]),
    () => flipped(tar, at, random),
  ])();
}

function plainEntry(random: Random): TarEntry[] {
  const name = nameOf(random);
  return [{ name, body: name.endsWith("/") ? "" : bodyOf(random), type: name.endsWith("/") ? "5" : "0", mode: 0o644 }];
}

function linkEntry(random: Random): TarEntry[] {
  return [
    { name: "a", body: "a" },
    { name: nameOf(random), type: pick(random, ["1", "2"]), link: pick(random, LINKS) },
  ];
}

/** Stretches in order, as offsets and lengths; now and then one that is not. */
function stretches(random: Random): { readonly list: readonly (readonly [number, number])[]; readonly end: number } {
  let at = 0;
  const list: [number, number][] = [];
  for (let left = random(4); left > 0; left--) {
    at += random(5) * 512;
    const length = pick(random, [0, 1, 512, 700, 1024]);
    list.push([at, length]);
    at += length;
  }
  const last = list.at(-1);
  if (random(20) === 0 && last !== undefined) last[random(2)] = pick(random, [0, 1, 2 ** 33 - 1, 100_000]);
  const end = at + pick(random, [0, 0, 1, 512, 4096]);
  // GNU tar closes its list so, and takes a file without it for one that ends with its last stretch.
  return { list: [...list, [end, 0]], end };
}

const bodyFor = (list: readonly (readonly [number, number])[], random: Random): Buffer =>
  Buffer.alloc(
    Math.min(
      8192,
      list.reduce((sum, [, length]) => sum + length, 0),
    ),
    65 + random(20),
  );

function oldSparse(random: Random): TarEntry[] {
  const { list, end } = stretches(random);
  const map = list.map(([offset, length]) => `${octal(offset, 11)}\0${octal(length, 11)}\0`).join("");
  const raw = { 386: map, 483: octal(end, 11) };
  return [{ name: "sparse", type: "S", magic: GNU_MAGIC, body: bodyFor(list, random), raw }];
}

function paxSparse(random: Random): TarEntry[] {
  const { list, end } = stretches(random);
  const body = bodyFor(list, random);
  const size: [string, string] = ["GNU.sparse.size", String(end)];
  const form = random(3);
  if (form === 0) {
    const pairs = list.flatMap(([offset, length]): [string, string][] => [
      ["GNU.sparse.offset", String(offset)],
      ["GNU.sparse.numbytes", String(length)],
    ]);
    return [pax([size, ["GNU.sparse.numblocks", String(list.length)], ...pairs]), { name: "sparse0", body }];
  }
  const name: [string, string] = ["GNU.sparse.name", "sparse1"];
  if (form === 1) {
    const count: [string, string] = ["GNU.sparse.numblocks", String(list.length)];
    return [pax([name, size, count, ["GNU.sparse.map", list.flat().join(",")]]), { name: "GNUSparseFile.0/s", body }];
  }
  const lead = Buffer.alloc(512);
  lead.write(
    `${list.length + (random(10) === 0 ? 1 : 0)}\n${list
      .flat()
      .map((number) => `${number}\n`)
      .join("")}`,
  );
  const records: [string, string][] = [
    ["GNU.sparse.major", pick(random, ["1", "1", "1", "2"])],
    ["GNU.sparse.minor", "0"],
    ["GNU.sparse.name", "sparse2"],
    ["GNU.sparse.realsize", String(end)],
  ];
  return [pax(records), { name: "GNUSparseFile.0/s", body: Buffer.concat([lead, body]) }];
}

function paxEntry(random: Random): TarEntry[] {
  const body = bodyOf(random);
  const value = pick(random, [`${body.length}`, `${body.length}`, "0", "1", "-1", "9".repeat(17), "07", " 5", ""]);
  const records: [string, string][] = [
    pick(random, [
      ["path", nameOf(random)],
      ["comment", "c\nd=e"],
      ["mtime", "1.5"],
      ["size", value],
      ["path", ""],
    ]),
    pick(random, [
      ["size", value],
      ["linkpath", pick(random, LINKS)],
      ["uname", "ä"],
      ["hdrcharset", "BINARY"],
    ]),
  ];
  return [pax(records, random(12) === 0 ? "g" : "x"), { name: nameOf(random).replace(/\/$/, "_"), body }];
}

function gnuNamed(random: Random): TarEntry[] {
  const name = pick(random, ["n".repeat(180), `d/${"n".repeat(150)}`, nameOf(random)]);
  const long: TarEntry = { name: "././@LongLink", type: "L", body: `${name}\0`, magic: GNU_MAGIC };
  if (random(3) > 0) return [long, { name: name.slice(0, 100), body: bodyOf(random), magic: GNU_MAGIC }];
  const link: TarEntry = { name: "././@LongLink", type: "K", body: `${pick(random, LINKS)}\0`, magic: GNU_MAGIC };
  return [long, link, { name: "l", type: "2", link: "x", magic: GNU_MAGIC }];
}

/** The checksum is made afterwards: it is a lie that a reader must see by itself. */
function withLie(entry: TarEntry, random: Random): TarEntry {
  const length = Buffer.from(entry.body ?? "").length;
  const base256 = Buffer.alloc(12);
  base256[0] = 0x80;
  base256.writeUInt32BE(pick(random, [length, length + 1, 0xffffffff]), 8);
  return pick(random, [
    { ...entry, size: pick(random, [0, 1, length + 1, length + 512, 2 ** 33 - 1]) },
    { ...entry, raw: { ...entry.raw, 124: base256 } },
    {
      ...entry,
      raw: {
        ...entry.raw,
        124: pick(random, ["-0000000001\0", "           \0", "  7 \0", "99\0", "\u00ff".repeat(12)]),
      },
    },
    { ...entry, type: pick(random, ["0", "\0", "7", "3", "4", "6", "D", "M", "N", "V", "X", "S", "5", "1", "2"]) },
    { ...entry, raw: { ...entry.raw, 345: pick(random, ["d", "../p", "/p", "p/"]) } },
    // Not 0: who is not root could not look into what the real program makes of it.
    { ...entry, mode: pick(random, [0o700, 0o7777, 0o4755]) },
    { ...entry, magic: pick(random, ["", GNU_MAGIC, "ustar\x0000", "ustarX00"]) },
    { ...entry, mtime: pick(random, [0, 2 ** 33 - 1]) },
    { ...entry, raw: { ...entry.raw, [random(500)]: Buffer.of(random(256)) } },
  ]);
}

function flipped(bytes: Buffer, at: number, random: Random): Buffer {
  const out = Buffer.from(bytes);
  out[at] = (out[at] ?? 0) ^ (1 << random(8));
  return out;
}

/** Where the end record and the directory's records have their fields, with their widths. */
const END_FIELDS = [
  [4, 2],
  [6, 2],
  [8, 2],
  [10, 2],
  [12, 4],
  [16, 4],
  [20, 2],
] as const;
const CENTRAL_FIELDS = [
  [4, 2],
  [6, 2],
  [8, 2],
  [10, 2],
  [16, 4],
  [20, 4],
  [24, 4],
  [28, 2],
  [30, 2],
  [32, 2],
  [34, 2],
  [38, 4],
  [42, 4],
] as const;
const LOCAL_FIELDS = [
  [4, 2],
  [6, 2],
  [8, 2],
  [14, 4],
  [18, 4],
  [22, 4],
  [26, 2],
  [28, 2],
] as const;

/** One to five entries, sound or with a lie in entry, header, directory or end. */
export function strangeZip(random: Random): Buffer {
  const entries: ZipEntry[] = [];
  for (let left = 1 + random(5); left > 0; left--) {
    // ASCII: unzip takes other names for those of DOS when a changed byte says that the archive is from there.
    const name = nameOf(random).replace("ä", "u");
    const isLink = random(6) === 0 && !name.endsWith("/");
    const body = name.endsWith("/") ? "" : isLink ? pick(random, LINKS) : bodyOf(random);
    const mode = name.endsWith("/") ? 0o40755 : isLink ? 0o120777 : pick(random, [0o100644, 0o100755, 0, 0o100644]);
    entries.push({ name, body, mode, method: pick(random, [0, 8]), long: random(4) === 0, ...zipLie(random) });
  }
  const zip = zipOf(...entries);
  if (random(3) > 0) return zip;
  const value = pick(random, [0, 1, 2, 8, 0xffff, 0xffffffff, zip.length, zip.length - 22, random(70_000)]);
  const places = placesOf(zip);
  const [start, fields] = pick(random, places);
  const [at, width] = pick(random, fields);
  return pick(random, [
    () => withField(zip, start + at, width, value),
    () => withField(zip, start + at, width, value),
    () => withField(zip, start + at, width, value),
    () => zip.subarray(0, random(zip.length)),
    () => Buffer.concat([Buffer.alloc(random(40)), zip]),
    () => Buffer.concat([zip, Buffer.alloc(random(40))]),
    () => flipped(zip, random(zip.length), random),
  ])();
}

function zipLie(random: Random): Partial<ZipEntry> {
  if (random(10) > 0) return {};
  return pick<Partial<ZipEntry>>(random, [
    { flags: pick(random, [1, 8, 0x20, 0x40, 0x800, 0x2000]) },
    { method: pick(random, [1, 9, 12, 14, 93, 99, 0xffff]) },
    { mode: pick(random, [0o10644, 0o20644, 0o60644, 0o140644, 0o104755, 0o40755, 0o120777]) },
    { local: { name: pick(random, ["a", "z"]) } },
    { local: { size: random(4000) } },
    { local: { crc: random(4000) } },
    { local: { method: pick(random, [0, 8]) } },
    { central: { size: pick(random, [0, 1, 5000, 0xffffffff]) } },
    { central: { crc: random(4000) } },
    { central: { offset: pick(random, [0, 1, 100, 0xffffffff]) } },
  ]);
}

function placesOf(zip: Buffer): (readonly [number, readonly (readonly [number, number])[]])[] {
  const places: [number, readonly (readonly [number, number])[]][] = [];
  const fields = { "PK\u0001\u0002": CENTRAL_FIELDS, "PK\u0003\u0004": LOCAL_FIELDS, "PK\u0005\u0006": END_FIELDS };
  for (const [magic, known] of Object.entries(fields)) {
    for (let at = zip.indexOf(magic); at >= 0; at = zip.indexOf(magic, at + 1)) places.push([at, known]);
  }
  return places;
}

function withField(bytes: Buffer, at: number, width: number, value: number): Buffer {
  const out = Buffer.from(bytes);
  out.writeUIntLE(value % 2 ** (8 * width), at, width);
  return out;
}
