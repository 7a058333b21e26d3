import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, realpathSync, writeFileSync } from "node:fs";
import * as v from "valibot";
import { writeScript } from "../../src/cli/machine/launch-script.ts";
import { ExplainSchema, type Explanation } from "../../src/client/explanation.ts";
import { writeExplain } from "../../src/contract/machine.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { runByHand } from "../helpers/by-hand.ts";
import { fetchedDiskBench } from "../helpers/fetched-disk.ts";
import { bannerOf, type InProcessAgent, idOf, machineOf } from "../helpers/in-process-agent.ts";
import { tempDir } from "../helpers/temp.ts";

setDefaultTimeout(60_000);

/** Stops the demo job's machine and runs it by its script. @returns what its serial port and QEMU have said until `wanted` was. */
async function runScript(agent: InProcessAgent["agent"], dir: string, wanted: string): Promise<string> {
  const explained = v.parse(ExplainSchema, writeExplain(agent.launchPlan(idOf(agent), "vm")));
  await agent.deregisterJob("demo", { purge: false });
  await machineOf(agent, "ended");
  const file = `${dir}/machine.sh`;
  writeFileSync(file, writeScript(explained, "demo/vm"));
  return await runByHand(file, dir, wanted);
}

const EXPLAINED: Explanation = {
  Argv: [],
  Defaults: [],
  Cwd: "/",
  User: null,
  Forwards: [],
  Warnings: [],
  Image: null,
  OwnSerial: null,
  LogDisabled: false,
  Limits: null,
};

describe("an image in place", () => {
  const bed = agentPerTest();

  test("the script of a machine boots the same guest without paddock, and leaves nothing but what the guest wrote", async () => {
    await bed.submit({ config: 'args = ["-smp", "2", "-fw_cfg", "name=opt/a,string=it\'s $HOME"]' });
    await machineOf(bed.agent, "running");
    await bannerOf(bed.agent);
    const said = await runScript(bed.agent, bed.dir.path, "boot=2");
    expect(said).toContain("cpus=2 mem=128M boot=2");
  });
});

describe("an image that an artifact brings", () => {
  const bench = fetchedDiskBench();

  test("goes on with the overlay over the base that it was made for", async () => {
    const { agent, dir } = bench.bed;
    await bench.run("demo");
    await machineOf(agent, "running");
    await bannerOf(agent);
    expect(await runScript(agent, dir.path, "boot=2")).toContain("DEMO GUEST");
  });
});

test("a script makes no disk that is not there any more, and takes a relative TMPDIR", async () => {
  await using dir = tempDir();
  const word = (Word: string, Kind: string) => ({
    Word,
    Origin: { Kind, Why: "", Attribute: "", Index: null, Note: "" },
  });
  const Image = { Path: dir.file("disk"), Format: "raw", Mode: "direct", Size: null, Base: null };
  const Argv = [word("/bin/echo", "emulator"), word("fd=4,set=1", "paddock"), word("pipe,id=ev,path=/x/ev", "paddock")];
  const script = writeScript({ ...EXPLAINED, Argv, Cwd: "/", Image }, "x");
  const run = () =>
    Bun.spawnSync(["/bin/sh", "-c", script], { cwd: dir.path, env: { ...process.env, TMPDIR: "." }, stderr: "ignore" });
  expect([run().exitCode, existsSync(Image.Path)]).toEqual([expect.any(Number), false]);
  expect(run().exitCode).not.toBe(0);
  writeFileSync(Image.Path, "");
  const { stdout, exitCode } = run();
  expect([exitCode, stdout.toString()]).toEqual([
    0,
    expect.stringContaining(`path=${realpathSync(dir.path)}/machine.`),
  ]);
});

test("what args say goes into a script as it is, also where it looks like a word of ours", () => {
  const word = "socket,id=mine,path=/run/mine.sock,server=on,wait=off";
  const Image = { Path: "/d", Format: "raw", Mode: "direct", Size: null, Base: null };
  const origin = (Kind: string) => ({ Kind, Why: "", Attribute: "", Index: 1, Note: "" });
  const Argv = ["emulator", "args", "paddock"].map((kind) => ({ Word: word, Origin: origin(kind) }));
  const script = writeScript({ ...EXPLAINED, Argv, Image }, "x");
  expect([...script.matchAll(/^set -- .*path=(\S*?),/gm)].map(([, path]) => path)).toEqual([
    "/run/mine.sock",
    "/run/mine.sock",
    '"$place"/mine.sock',
  ]);
});

test("a start whose disk is not known, and words that no shell spells alike, make no script", () => {
  expect(() => writeScript(EXPLAINED, "x")).toThrow("not known any more");
  const Image = { Path: "/a\u001b[2J", Format: "raw", Mode: "direct", Size: null, Base: null };
  expect(() => writeScript({ ...EXPLAINED, Image }, "x")).toThrow("cannot hold this word");
  const Base = { Path: "/a\u001b[2J", Format: "raw" };
  expect(() => writeScript({ ...EXPLAINED, Image: { ...Image, Path: "/a", Base } }, "x")).toThrow(
    "cannot hold this word",
  );
});
