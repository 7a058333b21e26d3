import { expect, test } from "bun:test";
import { readFileSync, readlinkSync } from "node:fs";
import { findCode, releaseCodePages } from "../../../src/runtime/code-pages.ts";

interface Mapped {
  readonly range: string;
  readonly access: string;
  readonly path: string;
  readonly anonymous?: number;
}

/** As the kernel writes it; what does not matter here is left out. */
const smaps = (...regions: readonly Mapped[]): string =>
  regions
    .map(({ range, access, path, anonymous = 0 }) =>
      [
        `${range} ${access} 02a00000 fd:00 1573019                    ${path}`,
        "Size:              90112 kB",
        "Rss:               35304 kB",
        "Private_Dirty:     35304 kB",
        `Anonymous:         ${anonymous} kB`,
        "VmFlags: rd ex mr mw me ",
        "",
      ].join("\n"),
    )
    .join("");

const PROGRAM = "/usr/local/bin/my paddock";

test("the code of a program is what is mapped of its file to be run or read, and nothing that is or can be written to", () => {
  const text = smaps(
    { range: "55d3a0000000-55d3a2a00000", access: "r--p", path: PROGRAM },
    { range: "55d3a2a00000-55d3a8200000", access: "r-xp", path: PROGRAM },
    { range: "55d3a8200000-55d3a8300000", access: "r-xp", path: PROGRAM, anonymous: 4 },
    { range: "55d3a8300000-55d3a8400000", access: "rw-p", path: PROGRAM },
    { range: "7f3d14000000-7f3d14100000", access: "r-xp", path: "/usr/lib/libc.so.6" },
    { range: "7f3d14100000-7f3d14200000", access: "r-xp", path: "" },
    { range: "ffffffffff600000-ffffffffff601000", access: "r-xp", path: `${PROGRAM} (deleted)` },
  );
  expect(findCode(text, PROGRAM)).toEqual([
    { from: 0x55d3a0000000n, to: 0x55d3a2a00000n },
    { from: 0x55d3a2a00000n, to: 0x55d3a8200000n },
  ]);
  expect(findCode("", PROGRAM)).toEqual([]);
});

test("code that was let go of runs on, and less of it is mapped", async () => {
  const read = (): string => readFileSync("/proc/self/smaps", "utf8");
  const [code] = findCode(read(), readlinkSync("/proc/self/exe"));
  const mapped = (): number => {
    const text = read();
    const from = text.search(new RegExp(`^0*${code?.from.toString(16)}-`, "m"));
    return Number(/^Rss: +(\d+) kB$/m.exec(text.slice(from))?.[1]);
  };
  const before = mapped();
  await releaseCodePages();
  expect(mapped()).toBeLessThan(before);
  expect(JSON.parse('{"still":["runs"]}')).toEqual({ still: ["runs"] });
});
