import { expect, setDefaultTimeout, test } from "bun:test";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { eventsOf, idOf, machineOf, messagesOf, newestOf, startOf } from "../helpers/in-process-agent.ts";
import { until } from "../helpers/until.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);

const inTask = (path: string): string => bed.dir.file("data", "alloc", idOf(bed.agent), "vm", path);
const read = (path: string): string => readFileSync(inTask(path), "utf8");

const template = (data: string, destination = "local/x", more = ""): string =>
  `template {\n data = ${JSON.stringify(data)}\n destination = "${destination}"\n ${more}\n }`;

const ARGS = 'args = ["-fw_cfg", "name=opt/x,file=local/x", "-fw_cfg", "name=opt/y,string=${SERIAL}"]';

test("QEMU is given what templates have made, in files and in args, as the machine's user may read it", async () => {
  writeFileSync(bed.dir.file("site.tpl"), 'site of {{ env "NOMAD_JOB_NAME" }}');
  await bed.start({ sources: { filePaths: [bed.dir.path] } });
  const fetched = `artifact { source = "${bed.dir.file("site.tpl")}" }
    template {\n source = "local/site.tpl"\n destination = "local/x"\n perms = "0400"\n }`;
  const task = `${fetched}\n ${template("SERIAL=s-{{ env `NOMAD_ALLOC_INDEX` }}", "secrets/env", "env = true")}`;
  await bed.submit({ config: ARGS, task });
  const { identity } = await machineOf(bed.agent, "running");
  expect([read("local/x"), read("secrets/env")]).toEqual(["site of demo", "SERIAL=s-0"]);
  expect(statSync(inTask("local/x")).mode & 0o777).toBe(0o400);
  const owner = newestOf(bed.agent)?.tasks["vm"]?.user?.uid ?? process.getuid?.();
  expect(statSync(inTask("local/x")).uid).toBe(owner ?? -1);
  const words = bed.agent.launchPlan(idOf(bed.agent), "vm").argv.map(({ word }) => word);
  expect(words).toContain("name=opt/y,string=s-0");
  expect(readFileSync(`/proc/${identity.pid}/cmdline`, "utf8")).toContain("opt/x");
});

test("a machine that starts again has its files made again, whoever changed them meanwhile", async () => {
  await bed.start();
  const restart = 'attempts = 2\n interval = "1h"\n delay = "100ms"\n mode = "fail"';
  await bed.submit({
    restart,
    config: 'args = ["-fw_cfg", "name=opt/x,file=local/x"]',
    task: template("one", "local/x", 'perms = "0600"'),
  });
  const { identity } = await machineOf(bed.agent, "running");
  writeFileSync(inTask("local/x"), "forged");
  process.kill(identity.pid, "SIGKILL");
  await startOf(bed.agent, 2);
  expect(read("local/x")).toBe("one");
});

test("a template that cannot be rendered ends the start with its reason, and no QEMU runs", async () => {
  await bed.start();
  await bed.submit({ task: template('ok\n{{ mustEnv "NOBODY" }}') });
  await machineOf(bed.agent, "ended");
  expect(eventsOf(bed.agent)).toContain("Template");
  expect(messagesOf(bed.agent)).toContain('template "local/x": line 2: mustEnv: the variable "NOBODY" is empty');
  expect(eventsOf(bed.agent)).not.toContain("Started");
  expect(existsSync(inTask("local/x"))).toBe(false);
});

test("a template that comes to something else replaces the machine, and one that does not leaves it alone", async () => {
  await bed.start();
  const using = (owner: string, more = ""): string =>
    `meta {\n owner = "${owner}"\n other = "${more}"\n }\n ${template('{{ env "NOMAD_META_owner" }}')}`;
  await bed.submit({ task: using("me") });
  const { identity } = await machineOf(bed.agent, "running");
  const id = idOf(bed.agent);
  await bed.submit({ task: using("me", "changed") });
  expect(idOf(bed.agent)).toBe(id);
  expect((await machineOf(bed.agent, "running")).identity).toEqual(identity);
  const { warnings } = await bed.submit({ task: using("you") });
  expect(warnings.join()).toContain("is stopped and replaced");
  await until("another machine", async () => (await machineOf(bed.agent, "running")).identity.pid !== identity.pid);
  expect(read("local/x")).toBe("you");
});
