import { expect, test } from "bun:test";
import { withRunningJob } from "../helpers/cli-job.ts";
import { PLAN } from "../helpers/records.ts";

test("explain prints a word a line with where it comes from", async () => {
  await using api = withRunningJob();
  const { stdout, stderr, code } = await api.run(["explain", "web"]);
  expect({ code, stderr }).toEqual({ code: 0, stderr: "warning: -nodefconfig was dropped\n" });
  expect(stdout.split("\n").slice(0, 5)).toEqual([
    "/usr/bin/qemu-system-x86_64  the program (default of config.emulator)",
    "-m                           job file: resources.memory",
    "-nodefaults                  paddock: no device but those asked for",
    "-snapshot                    job file: args[0]",
    "-display                     job file: args[1] (was -nographic)",
  ]);
  expect(stdout).toContain(`\nWorking directory: ${PLAN.cwd}\n`);
  expect(stdout).not.toContain("/secret-home");
  expect(JSON.parse((await api.run(["explain", "-json", "web"])).stdout)).toMatchObject({ Cwd: PLAN.cwd });
});

test("a word that a shell would change is quoted, and a long one stands above its origin", async () => {
  await using api = withRunningJob();
  const origin = { kind: "job", attribute: "config.args" } as const;
  api.agent.put({
    plan: {
      ...PLAN,
      argv: [
        { word: "it's $HOME", origin },
        { word: "x".repeat(60), origin },
        { word: "", origin },
      ],
    },
  });
  expect((await api.run(["explain", "web"])).stdout.split("\n").slice(0, 4)).toEqual([
    "'it'\\''s $HOME'  job file: config.args",
    "x".repeat(60),
    "                 job file: config.args",
    "''               job file: config.args",
  ]);
});
