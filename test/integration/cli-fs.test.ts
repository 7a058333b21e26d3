import { expect, test } from "bun:test";
import { appendFileSync, mkdirSync, rmSync, truncateSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { allocationFiles } from "../../src/agent/files.ts";
import { taskDirs } from "../../src/paths.ts";
import type { CliApi } from "../helpers/cli-api.ts";
import { quiet, withRunningJob } from "../helpers/cli-job.ts";
import { allocation } from "../helpers/records.ts";
import { until } from "../helpers/until.ts";

const { id: ID } = allocation();
const LINES = Array.from({ length: 20_000 }, (_, at) => `line ${at}\n`);
const TIME = new Date("2026-03-01T14:05:09.000Z");

/** Files of the machine that runs. @returns its `local` directory. */
function withFiles(api: CliApi): string {
  const dirs = { dataDir: join(api.dir, "data"), runDir: join(api.dir, "run") };
  const { local, secrets } = taskDirs(dirs, ID, "vm");
  for (const one of [local, secrets]) mkdirSync(one, { recursive: true });
  writeFileSync(join(local, "lines"), LINES.join(""), { mode: 0o644 });
  writeFileSync(join(local, "short"), "no end of line");
  writeFileSync(join(local, "sly\u001b[31m"), "colours\u001b[31m\u0007");
  writeFileSync(join(secrets, "token"), "secret");
  utimesSync(join(local, "lines"), TIME, TIME);
  api.agent.files = allocationFiles({ dirs }, (id) => api.agent.allocation(id));
  return local;
}

for (const [args, wanted] of [
  [[], LINES],
  [["-tail"], LINES.slice(-10)],
  [["-n", "3"], LINES.slice(-3)],
  [["-tail", "-n", "1"], LINES.slice(-1)],
  [["-n", "0"], []],
  [["-n", "15000"], LINES.slice(-15_000)],
  [["-n", "99999"], LINES],
  [["-c", "11"], LINES.slice(-1)],
  [["-c", "999999999", "-tail"], undefined],
] as const) {
  test(`alloc fs ${args.join(" ")} prints ${wanted?.length ?? "nothing but why not, and no"} lines`, async () => {
    await using api = withRunningJob();
    withFiles(api);
    const result = await api.run(["alloc", "fs", ...args, ID.slice(0, 8), "vm/local/lines"]);
    if (wanted === undefined) {
      expect(result).toMatchObject({ code: 1, stdout: "" });
      expect(result.stderr).toContain("the end that is asked for is longer than 64 MiB");
    } else expect(result).toEqual({ ...quiet, stdout: wanted.join("") });
  });
}

test("a directory is listed and a file looked at, for people and for programs", async () => {
  await using api = withRunningJob();
  const local = withFiles(api);
  const run = async (...args: string[]) => await api.run(["alloc", "fs", ...args], { env: { TZ: "UTC" } });
  const list = await run("-H", ID, "vm/local");
  expect(list.stdout.split("\n").slice(0, 2)).toEqual([
    "Mode        Size    Modified Time             Name",
    "-rw-r--r--  208890  2026-03-01T14:05:09.000Z  lines",
  ]);
  expect(list.stdout).not.toContain("\u001b");
  expect((await run("-stat", "-H", "-job", "web", "vm/local/lines")).stdout).toBe(
    "Mode        Size    Modified Time             Content Type               Name\n" +
      "-rw-r--r--  208890  2026-03-01T14:05:09.000Z  text/plain; charset=utf-8  lines\n",
  );
  expect((await run(ID)).stdout).toMatch(/^Mode +Size +Modified Time +Name\nd\S+ +.* vm\/\n$/);
  expect((await run("-stat", ID)).stdout).toMatch(/ \/\n$/);
  expect((await run(ID, "vm/local/lines")).code).toBe(0);
  truncateSync(join(local, "short"), 3 << 20);
  expect((await run("-stat", ID, "vm/local/short")).stdout).toContain("3 MiB");
});

test("on a terminal what a file holds is shown and not obeyed, into a pipe it goes as it is", async () => {
  await using api = withRunningJob();
  withFiles(api);
  const args = ["alloc", "fs", ID, "vm/local/sly\u001b[31m"];
  expect((await api.run(args)).stdout).toBe("colours\u001b[31m\u0007");
  expect((await api.run(args, { columns: 80 })).stdout).toBe("colours\\x07");
});

test("what may not be read and what nobody has is told", async () => {
  await using api = withRunningJob();
  withFiles(api);
  for (const [args, line] of [
    [[ID, "vm/secrets/token"], "Reading secret file prohibited: vm/secrets/token"],
    [[ID, "../x"], "Path escapes the alloc directory: ../x"],
    [[ID, "vm/nothing"], "vm/nothing: no such file or directory"],
    [["-n", "1", "-c", "1", ID, "x"], "flags -n and -c: expected one of them, found both"],
    [["ffffffff"], 'no allocation\'s id begins with "ffffffff"'],
    [["-job", "db"], 'no job or allocation is called "db"'],
  ] as const) {
    const result = await api.run(["alloc", "fs", ...args]);
    expect(result).toMatchObject({ code: 1, stdout: "" });
    expect(result.stderr).toContain(line);
  }
});

test("alloc fs -f goes on behind the end that it printed, tells of a cut and ends with the file; Ctrl-C leaves nothing open", async () => {
  await using api = withRunningJob();
  const local = withFiles(api);
  const file = join(local, "lines");
  const cli = api.spawn(["alloc", "fs", "-f", "-n", "1", ID, "vm/local/lines"]);
  let text = "";
  const reading = (async () => {
    for await (const chunk of cli.stdout) text += Buffer.from(chunk).toString();
  })();
  await until("the last line", () => text === "line 19999\n");
  appendFileSync(file, "more\n");
  await until("what was added", () => text.endsWith("more\n"));
  truncateSync(file, 0);
  appendFileSync(file, "anew\n");
  await until("what came behind the cut", () => text.endsWith("anew\n"));
  rmSync(file);
  const { code, stderr } = await cli.ended();
  await reading;
  expect({ code, text, stderr }).toEqual({
    code: 0,
    text: "line 19999\nmore\nanew\n",
    stderr: "==> file truncated\n==> file deleted\n",
  });
  const other = api.spawn(["alloc", "fs", "-f", ID, "vm/local/short"]);
  const reader = other.stdout.getReader();
  await reader.read();
  other.kill("SIGINT");
  expect((await other.ended()).code).toBe(130);
});
