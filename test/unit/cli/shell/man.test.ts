import { describe, expect, test } from "bun:test";
import { COMMANDS } from "../../../../src/cli/commands.ts";
import { commandPage } from "../../../../src/cli/shell/man.ts";
import { runInProcess } from "../../../helpers/cli.ts";
import { runProgram } from "../../../helpers/run.ts";

const MACROS = ["TH", "nh", "ad", "SH", "SS", "PP", "TP", "B", "BI", "BR", "I", "EX", "EE", "br"];

async function page(...words: string[]): Promise<string> {
  const { code, stdout, stderr } = await runInProcess(["help", "-man", ...words]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  return stdout;
}

/** As it is read, in lines of 80 characters and without overstriking. */
async function formatted(text: string): Promise<string> {
  const shown = await runProgram(["groff", "-ww", "-man", "-Tutf8", "-P-cbou", "-rLL=80n"], { stdin: text });
  expect(shown).toMatchObject({ code: 0, stderr: "" });
  // Not every groff leaves a minus one.
  return shown.stdout.replaceAll(/[‐−]/g, "-");
}

const isThere = Bun.which("groff") !== null;
if (!isThere) console.log("groff is not installed: manual pages are not formatted here");

describe("a manual page", () => {
  test("is ASCII in the macros of man(7), for the whole and for each command", async () => {
    const pages = [await page()];
    for (const { names, flags } of COMMANDS) {
      const one = await page(...names[0].split(" "));
      for (const { name } of flags) expect(one).toContain(`\\-${name.replaceAll("-", "\\-")}`);
      pages.push(one);
    }
    for (const text of pages) {
      expect(text).toMatch(/^\.TH PADDOCK\S* 1 ""/);
      expect(text).toMatch(/^[\n -~]*$/);
      const used = [...text.matchAll(/^[.'](\S*)/gm)].map(([, macro]) => macro ?? "");
      expect(used.filter((macro) => !MACROS.includes(macro))).toEqual([]);
    }
  });

  test.skipIf(!isThere)("is formatted without a warning, and shows what it was made of", async () => {
    const whole = await formatted(await page());
    // What every command that talks to an agent takes stands there once.
    expect(whole.match(/^ +-token SECRET$/gm)).toHaveLength(1);
    expect(whole).toContain("\nOPTIONS FOR AN AGENT ELSEWHERE\n");
    for (const { names } of COMMANDS) expect(whole.replaceAll(/\s+/g, " ")).toContain(`paddock ${names[0]} [options]`);
    for (const { names, examples } of COMMANDS) {
      const one = await formatted(await page(...names[0].split(" ")));
      for (const example of examples) expect(one).toContain(example);
    }
  });

  test("obeys nothing that its texts have in common with roff", () => {
    const [command] = COMMANDS;
    if (command === undefined) throw new Error("there is no command");
    const page = commandPage({ ...command, details: ".so /etc/passwd", examples: ["printf '\\fB\"x\"' `id`"] }, "1");
    expect(page).toContain("\n\\&.so /etc/passwd\n");
    expect(page).toContain('\nprintf \\(aq\\efB"x"\\(aq \\(gaid\\(ga\n');
  });

  test("of a command that there is not is refused as any other", async () => {
    const { code, stderr } = await runInProcess(["help", "-man", "jbo"]);
    expect([code, stderr]).toEqual([1, 'Error: unknown command "jbo"\nhint: did you mean "job"?\n']);
  });
});
