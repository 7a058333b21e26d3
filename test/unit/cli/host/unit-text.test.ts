import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { type UnitOptions, unitText } from "../../../../src/cli/host/unit-text.ts";
import { runInProcess } from "../../../helpers/cli.ts";
import { tempDir } from "../../../helpers/temp.ts";

function lines(change: Partial<UnitOptions> = {}): string[] {
  const text = unitText({
    scope: "system",
    words: ["/usr/local/bin/paddock", "agent"],
    dirs: { dataDir: "/var/lib/paddock", runDir: "/run/paddock" },
    userRuntimeDir: undefined,
    ...change,
  });
  expect(text).toEndWith("\n");
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
}

const keys = (unit: readonly string[], ...names: string[]): string[] =>
  unit.filter((line) => names.includes(line.split("=")[0] ?? ""));

test("the system's unit keeps machines and their sockets through a stop, and brings the agent back", () => {
  expect(lines()).toEqual([
    "[Unit]",
    "Description=paddock: QEMU virtual machines from Nomad job files",
    "After=network-online.target",
    "StartLimitIntervalSec=0",
    "[Service]",
    "Type=notify",
    "ExecStart=/usr/local/bin/paddock agent",
    'ExecReload=/bin/sh -c "kill -HUP $MAINPID"',
    "UnsetEnvironment=BUN_BE_BUN BUN_OPTIONS",
    "KillMode=process",
    "OOMPolicy=continue",
    "Delegate=yes",
    "TasksMax=infinity",
    "Restart=on-failure",
    "RestartSec=2s",
    "WatchdogSec=60s",
    "WatchdogSignal=SIGKILL",
    "TimeoutStopSec=30s",
    "StateDirectory=paddock",
    "StateDirectoryMode=0711",
    "RuntimeDirectory=paddock",
    "RuntimeDirectoryMode=0711",
    "RuntimeDirectoryPreserve=yes",
    "[Install]",
    "WantedBy=multi-user.target",
  ]);
});

test("a runtime directory never stands without being preserved", () => {
  for (const runDir of [
    "/run/paddock",
    "/run/a/b",
    "/run/user/1000/paddock",
    "/run",
    "/srv/run",
    "/run/a:b",
    "/runner",
  ]) {
    for (const scope of ["system", "user"] as const) {
      const unit = lines({ scope, dirs: { dataDir: "/d", runDir }, userRuntimeDir: "/run/user/1000" });
      const preserved = keys(unit, "RuntimeDirectoryPreserve");
      expect(preserved).toEqual(keys(unit, "RuntimeDirectory").map(() => "RuntimeDirectoryPreserve=yes"));
    }
  }
});

test("directories elsewhere are not systemd's to make, but to be mounted", () => {
  const dirs = { dataDir: "/srv/vm data/100%", runDir: "/run/vms/one" };
  const unit = lines({ dirs });
  expect(keys(unit, "RequiresMountsFor", "StateDirectory", "RuntimeDirectory")).toEqual([
    'RequiresMountsFor="/srv/vm data/100%%"',
    "RuntimeDirectory=vms/one",
  ]);
});

test("a user's unit belongs to the user's manager", () => {
  const dirs = { dataDir: "/home/u/.local/state/paddock", runDir: "/run/user/1000/paddock" };
  const unit = lines({ scope: "user", dirs, userRuntimeDir: "/run/user/1000" });
  expect(keys(unit, "WantedBy", "After", "Wants", "RequiresMountsFor", "StateDirectory", "RuntimeDirectory")).toEqual([
    "RuntimeDirectory=paddock",
    "WantedBy=default.target",
  ]);
});

test("words of the command line that mean something to systemd are quoted", () => {
  const words: [string, ...string[]] = [
    "/opt/my $vms 1%/paddock",
    "agent",
    '-config=/a "b" $HOME 100% \\ c\u0007',
    "-data-dir=/plain",
  ];
  expect(keys(lines({ words }), "ExecStart")).toEqual([
    'ExecStart="/opt/my $vms 1%%/paddock" agent "-config=/a \\"b\\" $$HOME 100%% \\\\ c\\x07" -data-dir=/plain',
  ]);
});

test("a program that systemd would refuse is refused", () => {
  for (const name of ['a"b', "a'b", "a\\b", "a\nb"]) {
    expect(() => lines({ words: [`/opt/${name}`, "agent"] })).toThrow("systemd starts no program");
  }
});

describe("paddock systemd unit", () => {
  test("hands its flags on as absolute paths and takes directories from the configuration", async () => {
    await using dir = tempDir();
    const config = dir.file("agent.hcl");
    writeFileSync(config, 'data_dir = "/srv/vms"\nrun_dir = "/run/vms"\n');
    const unit = await runInProcess(["systemd", "unit", "-system", `-config=${config}`]);
    expect(unit).toMatchObject({ code: 0, stderr: "" });
    const text = unit.stdout.split("\n");
    expect(keys(text, "ExecStart", "RequiresMountsFor", "RuntimeDirectory", "StateDirectory")).toEqual([
      "RequiresMountsFor=/srv/vms",
      `ExecStart=/nonexistent/paddock agent -config=${config}`,
      "RuntimeDirectory=vms",
    ]);
    const flags = await runInProcess([
      "systemd",
      "unit",
      "-system",
      "-config",
      config,
      "-run-dir=run",
      "-data-dir",
      "d",
    ]);
    expect(keys(flags.stdout.split("\n"), "ExecStart", "RuntimeDirectory")).toEqual([
      `ExecStart=/nonexistent/paddock agent -config=${config} -data-dir=${process.cwd()}/d -run-dir=${process.cwd()}/run`,
    ]);
  });

  test("refuses a configuration that the agent would refuse, and prints nothing", async () => {
    await using dir = tempDir();
    writeFileSync(dir.file("agent.hcl"), 'data_dri = "/x"\n');
    const wrong = await runInProcess(["systemd", "unit", `-config=${dir.file("agent.hcl")}`]);
    expect(wrong).toMatchObject({ code: 1, stdout: "" });
    expect(wrong.stderr).toContain('did you mean "data_dir"?');
    const missing = await runInProcess(["systemd", "unit", `-config=${dir.file("none.hcl")}`]);
    expect(missing).toMatchObject({ code: 1, stdout: "" });
    for (const flag of ["config", "data-dir", "run-dir"]) {
      expect(await runInProcess(["systemd", "unit", `-${flag}=`])).toMatchObject({ code: 1, stdout: "" });
    }
  });
});
