import { describe, expect, test } from "bun:test";
import { COMMANDS } from "../../src/cli/commands.ts";
import { runInProcess } from "../helpers/cli.ts";
import { quiet, withRunningJob } from "../helpers/cli-job.ts";
import { allocation } from "../helpers/records.ts";

const ID = allocation().id;

describe("-t", () => {
  test.each([
    [["ps", "-t", "{{range .}}{{.ID}} {{.ClientStatus}}{{end}}"], `${ID} running\n`],
    [["status", "-t={{range .}}{{.ID}},{{.JobModifyIndex}};{{end}}"], "web,11;\n"],
    [["status", "-t", "{{.Job.ID}} {{len .Allocations}}", "web"], "web 1\n"],
    [["job", "inspect", "-t", "{{.ID}}{{range .TaskGroups}} {{.Name}}={{.Count}}{{end}}", "web"], "web vms=1\n"],
    [["alloc", "status", "-t", "{{.Name}} {{.CreateTime}}", ID], "web.vms[0] 1767225600000000000\n"],
    [["alloc", "status", "-t", "{{(index .AllocatedResources.Shared.Ports 0).Label | toUpper}}", ID], "HTTP\n"],
    [["node", "status", "-t", "{{with .Drivers.qemu}}{{.Detected}}{{end}}"], "true\n"],
    [["ps", "-t", "{{range .}}{{toJSON .TaskStates.vm.Failed}}{{end}}"], "false\n"],
  ])("paddock %j prints %j", async (words, stdout) => {
    await using api = withRunningJob();
    expect(await api.run(words)).toEqual({ ...quiet, stdout });
  });

  test("of what is not there says so, and which line of the template it is", async () => {
    await using api = withRunningJob();
    expect(await api.run(["ps", "-t", "{{range .}}{{.Id}}{{end}}"])).toEqual({
      code: 1,
      stdout: "",
      stderr: "Error: flag -t: a map has no key Id\nhint: -json in the place of -t shows what there is\n",
    });
    expect((await api.run(["ps", "-t", "\n{{.ID}}"])).stderr).toStartWith(
      "Error: flag -t: line 2: .ID is looked up in a list",
    );
  });

  test("that is wrong in itself is refused before anything is asked or done", async () => {
    const { code, stderr } = await runInProcess(["system", "gc", "-t", "{{range}}"]);
    expect([code, stderr.split("\n")[0]]).toEqual([1, expect.stringMatching(/^Error: flag -t: /)]);
  });

  test("and -json contradict each other, and so do those that -json contradicts", async () => {
    const both = await runInProcess(["ps", "-json", "-t", "x"]);
    expect(both.stderr).toBe("Error: flags -json and -t: expected one of them, found both\n");
    const script = await runInProcess(["explain", "-t", "x", "-script", "web"]);
    expect(script.stderr).toStartWith("Error: flags -t and -script: expected one of them, found both");
  });

  test("shows no control character of a name to a terminal", async () => {
    await using api = withRunningJob();
    expect((await api.run(["ps", "-t", '{{"\\x1b[31m"}}'])).stdout).toBe("\\x1b[31m\n");
  });

  test("is there for every command that prints what it shows as JSON", async () => {
    const named = COMMANDS.filter(({ flags }) => flags.some(({ data }) => data === true));
    expect(named.length).toBeGreaterThan(12);
    for (const { names } of named) {
      const { stdout } = await runInProcess([...names[0].split(" "), "-help"]);
      expect(stdout).toContain("  -t TEMPLATE ");
    }
    // Where -json is about a file there is none, and a secret that is shown once must not be lost by a template that is wrong.
    const read = COMMANDS.filter(({ flags }) => flags.some(({ name, data }) => name === "json" && data !== true));
    expect(read.map(({ names }) => names[0])).toEqual(["job run", "job plan", "job validate", "token create"]);
  });
});

describe("-no-color", () => {
  test("leaves out colours on a terminal, as NO_COLOR does, and is known to every command", async () => {
    await using api = withRunningJob();
    const options = { columns: 80, color: true };
    expect((await api.run(["ps"], options)).stdout).toContain("\u001b[");
    expect((await api.run(["ps", "-no-color"], options)).stdout).not.toContain("\u001b[");
    expect((await api.run(["status", "-no-color", "none"], options)).stderr).not.toContain("\u001b[");
    expect((await api.run(["ps"], { color: true })).stdout).not.toContain("\u001b[");
  });
});
