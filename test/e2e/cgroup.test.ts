import { beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { runInSystemdGuest } from "../guests/systemd.ts";
import { paddockBinary } from "../helpers/binary.ts";
import { demoDisk } from "../helpers/demo-disk.ts";
import { jobText } from "../helpers/jobs.ts";
import { tempDir } from "../helpers/temp.ts";

const SCRIPT = join(import.meta.dirname, "..", "guests", "cgroup.sh");

const CONFIG = `plugin "qemu" {
  config {
    image_paths = ["/test/images"]
  }
}
`;

const job = (id: string, resources = ""): string =>
  jobText({
    id,
    image: "/test/images/demo.img",
    config: 'args = ["-snapshot"]',
    resources,
    group: "ephemeral_disk {\n size = 101\n }",
  });

/** What the guest reported, in its order: the first word behind FACT, and the rest of the line. */
let facts: readonly (readonly [string, string])[] = [];

const told = (name: string): readonly string[] => facts.filter(([first]) => first === name).map(([, rest]) => rest);

interface Ending {
  readonly Reason: string;
  readonly Failed: boolean;
  readonly ExitCode: number | null;
  readonly Message: string;
  readonly Hint: string | null;
  readonly Cgroup: Readonly<Record<string, number | null>> | null;
}

/** How the one machine of a job ended, and its `Terminated` event. */
function endingOf(id: string): { ending: Ending; details: Readonly<Record<string, string>> | undefined } {
  const text = told("ending").find((rest) => rest.startsWith(`${id} `)) ?? "";
  const { vm } = JSON.parse(text.slice(id.length + 1)).TaskStates;
  const event = vm.Events.find(({ Type }: { Type: string }) => Type === "Terminated");
  return { ending: vm.Paddock.Ending, details: event?.Details };
}

const MIB = 2 ** 20;

// The guest is the same whoever runs this: once for all users of the host is enough.
describe.skipIf(process.env["PADDOCK_E2E_STAGE"] === "user")("on a host with systemd and cgroup v2", () => {
  beforeAll(async () => {
    await using dir = tempDir();
    const image = dir.file("demo.img");
    await Bun.write(image, demoDisk());
    const report = await runInSystemdGuest({
      script: readFileSync(SCRIPT, "utf8"),
      files: {
        "/usr/local/bin/paddock": { copyOf: paddockBinary() },
        "/test/images/demo.img": { copyOf: image },
        "/etc/paddock/paddock.hcl": CONFIG,
        "/test/jobs/pinned.hcl": job("pinned", "cores = 1"),
        "/test/jobs/greedy.hcl": job("greedy", "cores = 2"),
        "/test/jobs/limited.hcl": job("limited", "cpu = 1000"),
        "/test/jobs/alone.hcl": job("alone"),
        "/test/jobs/user.hcl": job("user"),
      },
      memory: 1536,
      deadline: 280_000,
    });
    if (report.exit !== 0) throw new Error(`exit ${report.exit}\n${report.lines.join("\n")}\n${report.console}`);
    facts = report.lines.flatMap((line) => {
      const [, name = "", rest = ""] = /^FACT (\S+) ?(.*)$/.exec(line) ?? [];
      return name === "" ? [] : [[name, rest] as const];
    });
  }, 300_000);

  test("a machine is in a group of its own with its wrapper, which the kernel spares, and not in the agent's service", () => {
    expect(told("group")).toEqual([
      expect.stringMatching(/^\/sys\/fs\/cgroup\/paddock-[0-9a-f]{8}\/[0-9a-f]{8}-[0-9a-f]{4}\.1$/),
    ]);
    expect(told("member")).toEqual(["sh -1000", "qemu-system-x86 0"]);
    expect(told("agent")).toEqual(["/system.slice/paddock.service"]);
    expect(told("attributes")[0]).toMatch(
      /^os\.cgroups\.version=2 paddock\.cgroup\.controllers=memory,cpu,cpuset,pids paddock\.cgroup\.parent=paddock-[0-9a-f]{8} unique\.cgroup\.mountpoint=\/sys\/fs\/cgroup $/,
    );
  });

  test("it is held to its guest's memory and what QEMU needs, to its cores and their weight", () => {
    const memory = Number(told("memory.max")[0]);
    expect(memory).toBeGreaterThan((128 + 256) * MIB);
    expect(memory).toBeLessThan(1024 * MIB);
    expect(Number(told("cpu.weight")[0])).toBeGreaterThan(30);
    expect(told("pids.max")).toEqual(["514"]);
    expect(told("cpuset.cpus")).toEqual(["0"]);
  });

  test("a restart of the agent's service leaves machine and limits as they are", () => {
    expect(told("restarted")).toEqual([`active ${told("memory.max")[0]}`]);
  });

  test("a core that a machine has is no other one's", () => {
    expect(told("greedy")).toEqual(["  * cores: 2 needed, 1 of 2 free"]);
  });

  test("a kill is told from a want of memory", () => {
    const { ending, details } = endingOf("pinned");
    expect(ending).toMatchObject({ Reason: "killed", ExitCode: 137, Cgroup: { OOMKills: 0, LimitHits: 0 } });
    expect(ending.Hint).toContain("somebody sent SIGKILL");
    expect(ending.Cgroup?.["MemoryPeak"]).toBeGreaterThan(10 * MIB);
    expect(ending.Cgroup?.["CPUTime"]).toBeGreaterThan(0);
    expect(details).toMatchObject({ reason: "killed", oom_killed: "false" });
  });

  for (const [id, when] of [
    ["limited", "while the agent watches"],
    ["alone", "while no agent is there"],
    ["user", "under an ordinary user's agent"],
  ] as const) {
    test(`a machine that the kernel ends at its memory limit ${when} ended by oom, with its limit`, () => {
      const { ending, details } = endingOf(id);
      expect(ending).toMatchObject({
        Reason: "oom",
        Failed: true,
        Message: "the machine used more than its memory limit of 4 MiB and the kernel killed QEMU",
        Cgroup: { MemoryMax: 4 * MIB },
      });
      expect(ending.Hint).toContain("resources.memory_max");
      expect(details).toMatchObject({ reason: "oom", oom_killed: "true" });
    });
  }

  test("nothing of ended machines or of the agent is left among the host's groups", () => {
    expect(told("left")).toEqual([""]);
  });

  test("an ordinary user's agent leaves the group that it was given for a leaf and divides it", () => {
    expect(told("user-group")[0]).toStartWith("/sys/fs/cgroup/given.scope/paddock-");
    expect(told("user-agent")).toEqual(["/given.scope/agent"]);
    expect(told("user-limits")[0]).toMatch(/^\d{9} 514 $/);
  });

  test("a wrapper of another user goes into its group by the descriptor that root opened", () => {
    expect(told("entered")).toEqual(["/entered"]);
  });

  test("a service that only its own group was given goes without, and says so once", () => {
    expect(told("other")[0]).toMatch(/^1 .*machines run without limits of memory and processors.*\.service is all/);
  });
});
