import { expect, test } from "bun:test";
import { linkSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { AppError } from "../../../src/base/errors.ts";
import { findBeneath } from "../../../src/files/beneath.ts";
import { makeFifo } from "../../../src/runtime/fifo.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

/** A directory as a hostile machine may leave it, with a secret of the host beside it. */
async function hostileRoot(): Promise<string> {
  const root = join(dir.path, "alloc");
  mkdirSync(join(root, "task", "local"), { recursive: true });
  writeFileSync(join(dir.path, "secret"), "of the host");
  writeFileSync(join(root, "task", "local", "file"), "hello");
  for (const [name, target] of [
    ["inner", "local/file"],
    ["up", "../task/local/../local/file"],
    ["dir", "local"],
    ["chain", "dir/../inner"],
    ["out", "../../secret"],
    ["absolute", join(dir.path, "secret")],
    ["host", "/etc/passwd"],
    ["loop", "loop"],
    ["one", "other"],
    ["other", "one"],
    ["gone", "nothing"],
    ["far", "../../../../../../../../../etc/passwd"],
  ] as const) {
    symlinkSync(target, join(root, "task", name));
  }
  await makeFifo(join(root, "task", "fifo"), 0o600);
  return root;
}

const openDescriptors = (): number => readdirSync("/proc/self/fd").length;

for (const [path, names] of [
  ["", []],
  ["/", []],
  [".", []],
  ["task/local/file", ["task", "local", "file"]],
  ["//task/./local//file", ["task", "local", "file"]],
  ["task/../task/local/file", ["task", "local", "file"]],
  ["task/inner", ["task", "local", "file"]],
  ["task/up", ["task", "local", "file"]],
  ["task/dir/file", ["task", "local", "file"]],
  ["task/chain", ["task", "local", "file"]],
  ["task/dir", ["task", "local"]],
  ["task/fifo", ["task", "fifo"]],
] as const) {
  test(`${JSON.stringify(path)} is found, and no descriptor is left open`, async () => {
    const root = await hostileRoot();
    const before = openDescriptors();
    const found = findBeneath(root, path);
    expect(found.names).toEqual([...names]);
    found.close();
    expect(openDescriptors()).toBe(before);
  });
}

for (const [path, code, message] of [
  ["..", "invalid", "Path escapes the alloc directory: .."],
  ["task/../../secret", "invalid", "Path escapes the alloc directory: task/../../secret"],
  ["task/out", "invalid", "Path escapes the alloc directory: task/out"],
  ["task/absolute", "invalid", "Path escapes the alloc directory: task/absolute"],
  ["task/host", "invalid", "Path escapes the alloc directory: task/host"],
  ["task/far", "invalid", "Path escapes the alloc directory: task/far"],
  ["task/loop", "invalid", "task/loop: more links on the way than are followed"],
  ["task/one", "invalid", "task/one: more links on the way than are followed"],
  ["task/gone", "not_found", "task/gone: no such file or directory"],
  ["task/nothing", "not_found", "task/nothing: no such file or directory"],
  ["task/local/file/more", "not_found", "task/local/file/more: not a directory"],
  ["task/fifo/more", "not_found", "task/fifo/more: not a directory"],
  [`task/${"x".repeat(300)}`, "not_found", `task/${"x".repeat(300)}: ENAMETOOLONG`],
  ["x/".repeat(3_000), "invalid", "that is no path"],
  ["task\0/etc", "invalid", "that is no path"],
] as const) {
  test(`${JSON.stringify(path.slice(0, 40))} is refused, and no descriptor is left open`, async () => {
    const root = await hostileRoot();
    const before = openDescriptors();
    let failure: unknown;
    try {
      findBeneath(root, path).close();
    } catch (error) {
      failure = error;
    }
    expect(failure).toBeInstanceOf(AppError);
    expect(failure).toMatchObject({ code, message });
    expect(openDescriptors()).toBe(before);
  });
}

test("a directory that is swapped for a link while it is walked leads nowhere else", async () => {
  const root = await hostileRoot();
  mkdirSync(join(dir.path, "outside"));
  linkSync(join(dir.path, "secret"), join(dir.path, "outside", "file"));
  const swaps = Bun.spawn(
    [
      "sh",
      "-c",
      `cd ${root}/task && mkdir swap && echo inside > swap/file && while :; do mv swap kept && ln -s ../../outside swap; rm swap && mv kept swap; done`,
    ],
    { stdout: "ignore", stderr: "ignore" },
  );
  try {
    const seen = new Set<string>();
    for (let count = 0; count < 20_000 || seen.size < 2; count++) {
      try {
        const found = findBeneath(root, "task/swap/file");
        seen.add(String(found.stats.size));
        found.close();
      } catch (error) {
        seen.add((error as AppError).message);
      }
      if (count > 2_000_000) break;
    }
    // The secret has 11 bytes, what is inside 7.
    expect(seen).toContain("7");
    expect(seen).not.toContain("11");
  } finally {
    swaps.kill();
    await swaps.exited;
  }
});
