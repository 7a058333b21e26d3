import { describe, expect, test } from "bun:test";
import { COMMANDS } from "../../../../src/cli/commands.ts";
import { wantedAt } from "../../../../src/cli/shell/complete.ts";
import { runInProcess } from "../../../helpers/cli.ts";

const wordsAt = (...words: string[]): string[] => wantedAt(COMMANDS, words).words.map(({ word }) => word);

describe("in the place of a word stands", () => {
  test("the first word of a command, of one of several words once", () => {
    const words = wordsAt("");
    expect(words).toEqual([...new Set(words)]);
    expect(words).toEqual(expect.arrayContaining(["run", "job", "alloc", "image", "ps", "help", "completion"]));
    expect(wordsAt("job", "")).toEqual(expect.arrayContaining(["run", "status", "inspect"]));
    expect(wordsAt("help", "vm", "")).toEqual(["power"]);
    expect(wordsAt("nonsense", "")).toEqual([]);
  });

  test("a flag of the command, those for all commands too, and none behind --", () => {
    expect(wordsAt("job", "run", "-")).toEqual(
      expect.arrayContaining(["-detach", "-hcl2-strict=false", "-address", "-no-color", "-help"]),
    );
    expect(wordsAt("ps", "x", "-")).toContain("-t");
    expect(wordsAt("ps", "--", "-")).toEqual([]);
  });

  test.each([
    [["run", ""], { files: true, names: [] }],
    [["image", "bundle", ""], { files: true, names: [] }],
    [["image", "bundle", "a.hcl", ""], { files: true, names: [] }],
    [["image", "inspect", ""], { files: true, names: ["image"] }],
    [["image", "rm", "a", "b", ""], { names: ["image"] }],
    [["stop", ""], { names: ["job"] }],
    [["logs", "-f", ""], { names: ["machine"] }],
    [["logs", "-n", "5", ""], { names: ["machine"] }],
    [["logs", "-n=5", ""], { names: ["machine"] }],
    [["logs", "-n", "=", "5", ""], { names: ["machine"] }],
    [["logs", "web", ""], { names: ["task"] }],
    [["logs", "web", "vm", ""], { names: [] }],
    [["alloc", "stop", ""], { names: ["allocation"] }],
    [["vm", "power", "press", ""], { names: ["machine"] }],
    [["job", "scale", "web", ""], { names: ["group"] }],
    [["run", "-var-file", ""], { files: true, names: [] }],
    [["run", "-var-file", "="], { files: true, names: [] }],
    [["run", "-var-file", "=", "a"], { files: true, names: [] }],
    [["logs", "-n", ""], { files: false, names: [] }],
    [["alloc", "status", "-address", ""], { files: true, names: [] }],
  ] as const)("what the command takes there: %j", (words, expected) => {
    expect(wantedAt(COMMANDS, words)).toMatchObject(expected);
  });

  test("a word that is one of a few", () => {
    expect(wordsAt("vm", "power", "")).toEqual(["press", "reset", "pause", "resume"]);
    expect(wordsAt("completion", "")).toEqual(["bash", "zsh", "fish"]);
    expect(wordsAt("agent", "-log-level", "")).toContain("debug");
  });
});

test("a shell that is not known is told with the nearest one, and words are printed with their explanation", async () => {
  expect((await runInProcess(["completion", "bsh"])).stderr).toBe(
    'Error: paddock completion: expected bash, zsh or fish, found "bsh"\nhint: did you mean "bash"?\n',
  );
  expect((await runInProcess(["completion", "words", "--", "job", "rev"])).stdout).toBe(
    "revert\tRun an earlier version of a job again\n",
  );
});
