import { describe, expect, test } from "bun:test";
import { existsSync, writeFileSync } from "node:fs";
import { paddockBinary } from "../helpers/binary.ts";
import { expectNoLeaks, snapshot } from "../helpers/leaks.ts";
import { runPaddock } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";

describe("the binary", () => {
  test("says its version and commit", async () => {
    const result = await runPaddock(["version"]);
    expect(result).toMatchObject({ code: 0, stderr: "" });
    expect(result.stdout).toMatch(/^paddock \d+\.\d+\.\d+ \(([0-9a-f]{12}(-dirty)?|unknown)\)\n$/);
  });

  test("runs no preload and reads no .env of the directory it is started in", async () => {
    await using dir = tempDir();
    writeFileSync(dir.file("bunfig.toml"), 'preload = ["./evil.ts"]\n');
    writeFileSync(dir.file("evil.ts"), `require("node:fs").writeFileSync(${JSON.stringify(dir.file("pwned"))}, "");\n`);
    writeFileSync(dir.file(".env"), "PADDOCK_ADDR=unix:///from/dot/env.sock\n");
    const result = await runPaddock(["ps"], { cwd: dir.path, env: { XDG_RUNTIME_DIR: dir.path, HOME: dir.path } });
    expect(existsSync(dir.file("pwned"))).toBe(false);
    expect(result.stdout + result.stderr).not.toContain("from/dot/env");
  });

  test("refuses an unknown command and flag with the nearest known one", async () => {
    const command = await runPaddock(["jbo", "run"]);
    expect(command.code).not.toBe(0);
    expect(command.stderr).toContain('did you mean "job');
    const flag = await runPaddock(["logs", "-folow", "x"]);
    expect(flag.code).not.toBe(0);
    expect(flag.stderr).toContain("-f");
  });

  test("ends quietly when its reader goes away", async () => {
    await using dir = tempDir();
    const child = Bun.spawn(["/bin/sh", "-c", `"$1" help | head -1; echo`, "sh", paddockBinary()], {
      cwd: dir.path,
      stdout: "pipe",
      stderr: "pipe",
    });
    expect(await new Response(child.stderr).text()).toBe("");
    expect(await child.exited).toBe(0);
  });
});

describe("paddock demo", () => {
  test("shows submit, console, graceful stop and receipt without a terminal and leaves nothing", async () => {
    const before = snapshot();
    const result = await runPaddock(["demo"], { deadline: 60_000 });
    expect(result).toMatchObject({ code: 0 });
    const said = result.stdout + result.stderr;
    for (const word of ["DEMO GUEST", "tick", "power button", "the guest powered off"]) expect(said).toContain(word);
    await expectNoLeaks({ before });
  });

  test("says what to install on a host without QEMU", async () => {
    await using bin = tempDir();
    const before = snapshot();
    const result = await runPaddock(["demo"], { env: { PATH: bin.path }, deadline: 60_000 });
    expect(result.code).toBe(1);
    expect(result.stdout + result.stderr).toContain("qemu-system-x86");
    await expectNoLeaks({ before });
  });
});
