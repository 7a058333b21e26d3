import { expect, test } from "bun:test";
import { COMMANDS } from "../../../src/cli/commands.ts";
import { UNSUPPORTED } from "../../../src/cli/unsupported.ts";
import { runInProcess } from "../../helpers/cli.ts";

const NAMES = COMMANDS.flatMap(({ names }) => names);

test("no two commands have one name, and none is also called unsupported", () => {
  expect(new Set(NAMES).size).toBe(NAMES.length);
  expect(NAMES.filter((name) => name in UNSUPPORTED)).toEqual([]);
});

for (const command of COMMANDS) {
  test(`paddock ${command.names[0]} -help has usage, options, examples and exit codes in 80 columns`, async () => {
    for (const args of [
      [...command.names[0].split(" "), "-help"],
      ["help", ...command.names[0].split(" ")],
    ]) {
      const { code, stdout, stderr } = await runInProcess(args);
      expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
      for (const name of command.names) expect(stdout).toContain(`paddock ${name}`);
      for (const { name } of command.flags) expect(stdout).toContain(`  -${name}`);
      expect(stdout).toContain("\nExamples:\n\n  paddock ");
      expect(stdout).toContain("\nExit codes:\n\n  0 ");
      expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    }
  });

  test(`paddock ${command.names[0]} refuses an operand too many and an unknown flag`, async () => {
    const words = command.names[0].split(" ");
    const tooMany = Array.from({ length: command.takes[1] + 1 }, () => "x");
    const many = await runInProcess([...words, ...tooMany]);
    expect(many.code).toBe(command.failure ?? 1);
    expect(many.stderr).toStartWith(`Error: paddock ${command.names[0]}: expected `);
    const flag = await runInProcess([...words, "-no-such-flag"]);
    expect(flag.code).toBe(command.failure ?? 1);
    expect(flag.stderr).toStartWith("Error: unknown flag -no-such-flag\nhint: ");
  });
}

test("paddock alone lists the commands and is a mistake, paddock -help is none", async () => {
  const alone = await runInProcess([]);
  expect(alone).toMatchObject({ code: 1, stdout: "" });
  for (const args of [["-h"], ["-help"], ["--help"], ["help"]]) {
    expect(await runInProcess(args)).toEqual({ code: 0, stdout: alone.stderr, stderr: "" });
  }
  for (const name of NAMES) expect(alone.stderr).toContain(`\n  ${name} `);
});

test("a group alone lists its commands", async () => {
  const alone = await runInProcess(["alloc"]);
  expect(alone.code).toBe(1);
  expect(alone.stderr).toContain("alloc logs");
  expect(alone.stderr).not.toContain("job run");
  expect(await runInProcess(["alloc", "-help"])).toEqual({ code: 0, stdout: alone.stderr, stderr: "" });
});

for (const [args, stderr] of [
  [["jbo", "run"], 'Error: unknown command "jbo"\nhint: did you mean "job run"?\n'],
  [["job", "rnu"], 'Error: unknown command "job rnu"\nhint: did you mean "job run"?\n'],
  [["lgos"], 'Error: unknown command "lgos"\nhint: did you mean "logs"?\n'],
  [["xyzzy"], 'Error: unknown command "xyzzy"\nhint: paddock -help lists the commands\n'],
  [["job", "eval", "web"], "Error: paddock job eval is not supported yet\n"],
  [
    ["system", "reconcile"],
    "Error: paddock system reconcile is not supported: paddock runs on one host and has no servers\n",
  ],
  [
    ["alloc", "exec", "x"],
    "Error: paddock alloc exec is not supported: a machine has no processes that the host could start; log in to it instead\n",
  ],
  [["server", "members"], "Error: paddock server is not supported: paddock runs on one host and has no servers\n"],
  [["constructor"], 'Error: unknown command "constructor"\nhint: paddock -help lists the commands\n'],
  [
    ["-address=x", "ps"],
    "Error: expected a command, found the flag -address=x\nhint: flags stand behind the command: paddock COMMAND -flag\n",
  ],
  [["run"], "Error: paddock job run: expected FILE|-, found nothing\nhint: paddock job run -help tells more\n"],
] as const) {
  test(`paddock ${args.join(" ")} is refused by name`, async () => {
    expect(await runInProcess(args)).toEqual({ code: 1, stdout: "", stderr });
  });
}

test("the version has a form that scripts can rely on", async () => {
  for (const args of [["version"], ["-v"], ["-version"], ["--version"]]) {
    const { code, stdout } = await runInProcess(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(/^paddock \S+ \(\S+\)\n$/);
  }
});

test("the agent gets its flags in one form, and its exit code is the command's", async () => {
  const given: (readonly string[])[] = [];
  const startAgent = async (args: readonly string[]): Promise<number> => {
    given.push(args);
    return 7;
  };
  const { code } = await runInProcess(["agent", "--log-level", "debug", "-config", "a b.hcl"], { startAgent });
  expect(code).toBe(7);
  expect(given).toEqual([["-config=a b.hcl", "-log-level=debug"]]);
});

test("what nobody foresaw is told as a mistake of the program's own", async () => {
  const { code, stderr } = await runInProcess(["agent"]);
  expect(code).toBe(1);
  expect(stderr).toStartWith(
    "Error: internal error: no agent was to be started\nhint: this is a mistake of paddock's own",
  );
});
