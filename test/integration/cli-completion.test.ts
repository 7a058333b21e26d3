import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type CliApi, MAIN } from "../helpers/cli-api.ts";
import { withRunningJob } from "../helpers/cli-job.ts";
import { allocation, jobOf, jobRecord, jobText } from "../helpers/records.ts";
import { runProgram } from "../helpers/run.ts";

setDefaultTimeout(60_000);

const quote = (words: readonly string[]): string => words.map((word) => `'${word}'`).join(" ");

interface Shell {
  readonly argv: readonly [string, ...string[]];
  /** A script that prints what the shell offers in the place of the last word, one a line. */
  readonly script: (words: readonly string[]) => string;
}

/** What each shell makes of the words is its own business, so that it is asked itself; zsh has no line editor here. */
const SHELLS: Readonly<Record<string, Shell>> = {
  bash: {
    argv: ["bash", "--norc", "--noprofile", "-c"],
    script: (words) =>
      `source <(paddock completion bash); COMP_WORDS=(paddock ${quote(words)}); COMP_CWORD=${words.length}; _paddock; [[ \${#COMPREPLY[@]} == 0 ]] || printf '%s\\n' "\${COMPREPLY[@]}"`,
  },
  zsh: {
    argv: ["zsh", "-f", "-c"],
    script: (words) =>
      `_describe() { for one in "\${(@P)4}"; do print -r -- "\${one%%:*}"; done }; _files() { print -l -- *(N); }; source <(paddock completion zsh); words=(paddock ${quote(words)}); CURRENT=\${#words}; _paddock`,
  },
  fish: {
    argv: ["fish", "--no-config", "-c"],
    script: (words) =>
      `paddock completion fish | source; complete -C'paddock ${words.join(" ")}' | string replace -r '\\t.*' ''`,
  },
};

/** Runs a script where `paddock` is this program, in a directory with two files. */
async function run(api: CliApi, [first, ...more]: Shell["argv"], script: string, env: Record<string, string> = {}) {
  const shim = join(api.dir, "paddock");
  writeFileSync(shim, `#!/bin/sh\nexec '${process.execPath}' '${MAIN}' "$@"\n`);
  chmodSync(shim, 0o755);
  writeFileSync(join(api.dir, "web.hcl"), "");
  const PATH = `${api.dir}:${process.env["PATH"]}`;
  const home = { HOME: api.dir, XDG_CONFIG_HOME: api.dir, XDG_DATA_HOME: api.dir };
  const { stdout, stderr } = await runProgram([first, ...more, script], {
    cwd: api.dir,
    env: { PATH, PADDOCK_ADDR: api.socket, ...home, ...env },
    deadline: 60_000,
  });
  expect(stderr).toBe("");
  return stdout.split("\n").filter((line) => line !== "");
}

for (const [name, shell] of Object.entries(SHELLS)) {
  const isThere = Bun.which(name) !== null;
  if (!isThere) console.log(`${name} is not installed: its completion is not tested here`);
  describe.skipIf(!isThere)(`${name} completes`, () => {
    const offered = (api: CliApi, ...words: string[]) => run(api, shell.argv, shell.script(words));

    test("commands, subcommands, flags and files", async () => {
      await using api = withRunningJob();
      expect(await offered(api, "hel")).toEqual(["help"]);
      expect(await offered(api, "job", "sta")).toEqual(["status"]);
      expect(await offered(api, "run", "-var-f")).toEqual(["-var-file"]);
      expect(await offered(api, "run", "web")).toContain("web.hcl");
    });

    test("names of jobs, machines and allocations, and tasks of what stands before them", async () => {
      await using api = withRunningJob();
      expect(await offered(api, "stop", "w")).toEqual(["web"]);
      const machines = await offered(api, "logs", "-f", "");
      expect(machines.map((word) => word.replaceAll("\\", ""))).toEqual(
        expect.arrayContaining(["web", "web.vms[0]", allocation().id.slice(0, 8)]),
      );
      expect(await offered(api, "logs", "web", "")).toEqual(["vm"]);
    });

    test("a name that a shell would obey as what it is", async () => {
      await using api = withRunningJob();
      const id = `x$(touch ${api.dir}/owned);'a b\`touch ${api.dir}/owned\``;
      api.agent.put({ job: jobRecord({ job: { ...jobOf(jobText()), id } }) });
      const [word = ""] = await offered(api, "stop", "x");
      expect(word).toStartWith("x");
      expect(existsSync(`${api.dir}/owned`)).toBe(false);
      // What bash puts into the line is one word of it.
      if (name === "bash") expect(await run(api, shell.argv, `printf '%s\\n' ${word}`)).toEqual([id]);
    });

    test("nothing, and quietly, where no agent answers", async () => {
      await using api = withRunningJob();
      const none = { PADDOCK_ADDR: join(api.dir, "none.sock") };
      expect(await run(api, shell.argv, shell.script(["stop", ""]), none)).toEqual([]);
    });
  });
}

test("an agent that hangs keeps nobody waiting for names", async () => {
  await using api = withRunningJob();
  Object.assign(api.agent, { jobs: () => new Promise(() => undefined) });
  expect(await api.run(["completion", "words", "--", "stop", ""])).toEqual({ code: 0, stdout: "", stderr: "" });
});

test("a name stands once, in one line and without what a terminal obeys", async () => {
  await using api = withRunningJob();
  api.agent.put({ allocation: allocation({ id: "2f6a0b1c-0000-4000-8000-000000000002", name: "web.vms[0]" }) });
  api.agent.put({ job: jobRecord({ job: { ...jobOf(jobText()), id: "x\n:files\u001b[31m" } }) });
  const { stdout } = await api.run(["completion", "words", "--", "logs", ""]);
  const words = stdout.split("\n").map((line) => line.split("\t")[0]);
  expect(words.filter((word) => word === "web.vms[0]")).toHaveLength(1);
  expect(words).toContain("x\\x0a:files\\x1b[31m");
  expect(words).not.toContain(":files");
});
