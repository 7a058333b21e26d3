import { expect, test } from "bun:test";
import { startImageAgent } from "../helpers/jobs.ts";
import { until } from "../helpers/until.ts";

const PORTS = 'network {\n port "http" {\n to = 80\n }\n }';

/** A job of two groups: machines that write to overlays over one image. */
const jobFile = (image: string, args: string): string => `
job "web" {
  ${["a", "b"]
    .map(
      (name, at) => `
  group "${name}" {
    count = ${at === 0 ? 3 : 1}
    ${PORTS}
    task "vm" {
      driver = "qemu"
      config {
        image_path = "${image}"
        disk       = "overlay"
        args       = ["-name", "${at === 0 ? args : "b"}"]
      }
      resources {
        memory = 128
      }
    }
  }`,
    )
    .join("\n")}
}`;

test("several machines of a job run, change in turns over the death of their agent, and are named apart", async () => {
  await using agent = await startImageAgent();
  const image = agent.demoDisk();
  const file = agent.jobFile(jobFile(image, "one"));
  const ran = await agent.run(["run", file]);
  expect(ran).toMatchObject({ code: 0 });
  expect(
    ran.stdout
      .split("\n")
      .filter((line) => line.startsWith("task"))
      .map((line) => line.replace(/.*\((.*)\).*/, "$1")),
  ).toEqual(["web.a[0]", "web.a[1]", "web.a[2]", "web.b[0]"]);
  const machines = async (): Promise<string[][]> =>
    (await agent.run(["ps"])).stdout
      .trimEnd()
      .split("\n")
      .slice(1)
      .map((line) => line.split(/ +/));
  const before = await machines();
  expect(before.map(([name, , , status]) => `${name} ${status}`)).toEqual(
    ["a[0]", "a[1]", "a[2]", "b[0]"].map((name) => `web.${name} running`),
  );
  const { code, stderr } = await agent.run(["logs", "web"]);
  expect([code, stderr.includes("web.a[2]"), stderr.includes("'web.a[0]'")]).toEqual([1, true, true]);
  const console = async (): Promise<string> => (await agent.run(["logs", "web.a[1]"])).stdout;
  await until("its guest to speak", async () => (await console()).includes("DEMO GUEST"), { deadline: 30_000 });

  agent.jobFile(jobFile(image, "two"));
  const plan = await agent.run(["plan", file]);
  expect(plan.stdout).toContain('+/- Task Group: "a" (3 create/destroy update)');
  expect(plan.stdout).toContain('Task Group: "b" (1 in-place update)');
  expect((await agent.run(["run", "-detach", "-discard", file])).code).toBe(0);
  await agent.kill();
  await agent.start();
  const versions = async (): Promise<string> => {
    const response = await agent.request("/v1/job/web/allocations");
    const list = (await response.json()) as { Name: string; JobVersion: number; ClientStatus: string }[];
    const up = list.filter(({ ClientStatus }) => ClientStatus === "running");
    return up
      .map(({ Name, JobVersion }) => `${Name} ${JobVersion}`)
      .toSorted()
      .join();
  };
  await until(
    "the next agent to go on",
    async () => (await versions()) === "web.a[0] 1,web.a[1] 1,web.a[2] 1,web.b[0] 1",
    { deadline: 30_000 },
  );
  expect((await machines()).at(-1)?.[2]).toBe(before.at(-1)?.[2] ?? "");

  expect((await agent.run(["job", "scale", "-discard", "web", "a", "1"])).code).toBe(0);
  await until("the others to end", async () => (await versions()) === "web.a[0] 2,web.b[0] 2", { deadline: 30_000 });
  const stopped = await agent.run(["stop", "web"]);
  expect([stopped.code, await machines()]).toEqual([0, []]);
});
