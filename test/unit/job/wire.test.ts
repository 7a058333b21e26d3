import { describe, expect, test } from "bun:test";
import type { Job } from "../../../src/job/job.ts";
import { loadJob } from "../../../src/job/load.ts";
import { decodeJobJson, encodeJob } from "../../../src/job/wire.ts";

/** What `nomad job inspect` prints of a job that a server has filled in: all of it means nothing here or is a default. */
const INSPECTED = {
  Stop: false,
  Region: "global",
  Namespace: "default",
  ID: "web",
  ParentID: "",
  Name: "web",
  Type: "service",
  Priority: 50,
  AllAtOnce: false,
  Datacenters: ["dc1"],
  NodePool: "default",
  Constraints: null,
  Affinities: null,
  Spreads: null,
  TaskGroups: [
    {
      Name: "one",
      Count: 1,
      Update: {
        Stagger: 30000000000,
        MaxParallel: 1,
        HealthCheck: "checks",
        MinHealthyTime: 10000000000,
        HealthyDeadline: 300000000000,
        ProgressDeadline: 600000000000,
        AutoRevert: false,
        AutoPromote: false,
        Canary: 0,
      },
      Migrate: { MaxParallel: 1, HealthCheck: "checks", MinHealthyTime: 10000000000, HealthyDeadline: 300000000000 },
      Constraints: null,
      Scaling: null,
      RestartPolicy: {
        Attempts: 2,
        Interval: 1800000000000,
        Delay: 15000000000,
        Mode: "fail",
        RenderTemplates: false,
      },
      Tasks: [
        {
          Name: "vm",
          Driver: "qemu",
          User: "",
          Config: { image_path: "local/a.img", port_map: [{ ssh: 22 }], args: ["-nodefaults"] },
          Env: null,
          Services: null,
          Vault: null,
          Consul: null,
          Templates: null,
          Constraints: null,
          Affinities: null,
          Resources: {
            CPU: 100,
            Cores: 0,
            MemoryMB: 300,
            MemoryMaxMB: 0,
            DiskMB: 0,
            IOPS: 0,
            Networks: null,
            Devices: null,
            NUMA: null,
            SecretsMB: 0,
          },
          RestartPolicy: {
            Attempts: 2,
            Interval: 1800000000000,
            Delay: 15000000000,
            Mode: "fail",
            RenderTemplates: false,
          },
          DispatchPayload: null,
          Lifecycle: null,
          Meta: null,
          KillTimeout: 5000000000,
          LogConfig: { MaxFiles: 10, MaxFileSizeMB: 10, Disabled: false, Enabled: null },
          Artifacts: [
            {
              GetterSource: "https://example.org/a.img",
              GetterOptions: null,
              GetterHeaders: null,
              GetterMode: "any",
              GetterInsecure: false,
              RelativeDest: "local/",
              Chown: false,
            },
          ],
          Leader: false,
          ShutdownDelay: 0,
          VolumeMounts: null,
          KillSignal: "",
          Kind: "",
          CSIPluginConfig: null,
          Identity: {
            Name: "default",
            Audience: ["nomadproject.io"],
            ChangeMode: "",
            ChangeSignal: "",
            Env: false,
            File: false,
            Filepath: "",
            ServiceName: "",
            TTL: 0,
          },
          Identities: null,
          Actions: null,
          ScalingPolicies: null,
        },
      ],
      EphemeralDisk: { Sticky: false, Migrate: false, SizeMB: 300 },
      Meta: null,
      ReschedulePolicy: {
        Attempts: 0,
        Interval: 0,
        Delay: 30000000000,
        DelayFunction: "exponential",
        MaxDelay: 3600000000000,
        Unlimited: true,
      },
      Affinities: null,
      Spreads: null,
      Networks: [
        {
          Mode: "host",
          Device: "",
          CIDR: "",
          IP: "",
          Hostname: "",
          MBits: 0,
          DNS: null,
          ReservedPorts: null,
          DynamicPorts: [{ Label: "ssh", Value: 0, To: 22, HostNetwork: "default", IgnoreCollision: false }],
        },
      ],
      Consul: { Namespace: "", Cluster: "default", Partition: "" },
      Services: null,
      ShutdownDelay: null,
      StopAfterClientDisconnect: null,
      MaxClientDisconnect: null,
      PreventRescheduleOnLost: false,
    },
  ],
  Update: {
    Stagger: 30000000000,
    MaxParallel: 1,
    HealthCheck: "",
    MinHealthyTime: 0,
    HealthyDeadline: 0,
    ProgressDeadline: 0,
    AutoRevert: false,
    AutoPromote: false,
    Canary: 0,
  },
  Multiregion: null,
  Periodic: null,
  ParameterizedJob: null,
  Dispatched: false,
  Payload: null,
  Meta: null,
  ConsulToken: "",
  VaultToken: "",
  Status: "running",
  StatusDescription: "",
  Stable: true,
  Version: 3,
  SubmitTime: 1700000000000000000,
  CreateIndex: 10,
  ModifyIndex: 20,
  JobModifyIndex: 15,
};

const decode = (json: unknown) => decodeJobJson(JSON.stringify(json));

const messagesOf = (json: unknown) =>
  decode(json).diagnostics.map(({ where, message }) => (where === undefined ? message : `${where}: ${message}`));

describe("a job in Nomad's JSON", () => {
  test("that a server has filled in is read without a word", () => {
    const { job, diagnostics } = decode(INSPECTED);
    expect(diagnostics).toEqual([]);
    expect(job?.groups[0]?.tasks[0]?.config.port_map).toEqual({ ssh: 22 });
    expect(job?.groups[0]?.networks[0]?.ports).toEqual([{ label: "ssh", static: 0, to: 22, host_network: "default" }]);
  });

  test("is the same as the same job in HCL", () => {
    const hcl = loadJob(
      "web.hcl",
      `job "web" {
        datacenters = ["dc1"]
        group "one" {
          ephemeral_disk {
            sticky = false
          }
          network {
            mode = "host"
            port "ssh" {
              to = 22
            }
          }
          task "vm" {
            driver = "qemu"
            config {
              image_path = "local/a.img"
              args       = ["-nodefaults"]
              port_map {
                ssh = 22
              }
            }
            artifact {
              source = "https://example.org/a.img"
            }
          }
        }
      }`,
    );
    expect(hcl.diagnostics).toEqual([]);
    expect(decode({ Job: INSPECTED }).job).toEqual(hcl.job);
  });

  test("is read from the body of a request, whose other keys are left alone", () => {
    expect(decode({ Job: INSPECTED, EnforceIndex: true, Submission: { Source: "x" } }).diagnostics).toEqual([]);
  });

  test("may leave empty what a client does not know", () => {
    const [group] = INSPECTED.TaskGroups;
    const networks = [{ ReservedPorts: [{ Label: "a", Value: 22, To: 0, HostNetwork: "" }] }];
    const { job, diagnostics } = decode({
      ...INSPECTED,
      Name: "",
      Namespace: "",
      TaskGroups: [{ ...group, Networks: [...(group?.Networks ?? []), ...networks] }],
    });
    expect(diagnostics).toEqual([]);
    expect(job).toMatchObject({ name: "web", namespace: "default" });
    expect(job?.groups[0]?.networks[1]?.ports[0]?.host_network).toBe("default");
  });

  test("has durations in nanoseconds", () => {
    const [group] = INSPECTED.TaskGroups;
    const { job } = decode({ ...INSPECTED, TaskGroups: [{ ...group, ShutdownDelay: 1_500_000_000 }] });
    expect(job?.groups[0]?.shutdown_delay).toBe(1_500_000_000);
  });

  test("may map ports by a map or a list of maps, and later ones win", () => {
    const [group] = INSPECTED.TaskGroups;
    const withMap = (portMap: unknown) => {
      const [task] = group?.Tasks ?? [];
      const config = { image_path: "local/a.img", port_map: portMap };
      return decode({ ...INSPECTED, TaskGroups: [{ ...group, Tasks: [{ ...task, Config: config }] }] }).job;
    };
    const mapped = (job: Job | undefined) => job?.groups[0]?.tasks[0]?.config.port_map;
    expect(mapped(withMap({ ssh: 2022 }))).toEqual({ ssh: 2022 });
    expect(mapped(withMap([{ ssh: 22 }, { ssh: 2022 }]))).toEqual({ ssh: 2022 });
  });

  test("is refused with the path of what is wrong", () => {
    expect(messagesOf({ ID: "a", TaskGroups: [{ Name: "g", Tasks: [{ Name: "t", Driver: "qemu" }] }] })).toEqual([
      'TaskGroups[0].Tasks[0]: missing key "Config"',
    ]);
    expect(messagesOf({ ID: "a b", TaskGroups: null })).toEqual(["a job needs a group", "ID must hold no space"]);
    expect(messagesOf({ Job: null })).toEqual(["Job must be an object"]);
    expect(messagesOf([1])).toEqual(['expected a job, {"Job": { … }}']);
    expect(decodeJobJson("").diagnostics).toHaveLength(1);
  });

  test("is refused for what another server may do and this one does not", () => {
    const [group] = INSPECTED.TaskGroups;
    const [task] = group?.Tasks ?? [];
    const asked = { ...task, Identity: { ...task?.Identity, Env: true }, Lifecycle: { Hook: "prestart" } };
    const messages = messagesOf({
      ...INSPECTED,
      TaskGroups: [{ ...group, Tasks: [asked] }],
      Periodic: { Enabled: true },
    });
    expect(messages).toEqual([
      'TaskGroups[0].Tasks[0]: "Lifecycle" is not supported yet',
      'TaskGroups[0].Tasks[0]: "Identity" is not supported: there are no workload identities here',
      '"Periodic" is not supported yet',
    ]);
  });
});

describe("a job written to Nomad's JSON", () => {
  const { job } = decode(INSPECTED);
  if (job === undefined) throw new Error("the fixture has errors");

  test("has every object that Nomad's CLI looks into", () => {
    const json = encodeJob(job);
    expect(json).toMatchObject({ ID: "web", Name: "web", Type: "service", Priority: 50, Region: "global" });
    expect(json).toMatchObject({ Datacenters: ["dc1"], AllAtOnce: false, Update: { MaxParallel: 1 } });
    expect(json["TaskGroups"]).toMatchObject([
      {
        Count: 1,
        RestartPolicy: { Attempts: 2, Interval: 1_800_000_000_000, Delay: 15_000_000_000, Mode: "fail" },
        EphemeralDisk: { SizeMB: 300, Sticky: false, Migrate: false },
        ReschedulePolicy: { Unlimited: true },
        Migrate: { MaxParallel: 1 },
        Update: { MaxParallel: 1 },
        Tasks: [
          {
            KillTimeout: 5_000_000_000,
            LogConfig: { MaxFiles: 10, MaxFileSizeMB: 10, Disabled: false },
            Resources: { CPU: 100, MemoryMB: 300, DiskMB: 0 },
            Config: { image_path: "local/a.img", port_map: [{ ssh: 22 }] },
          },
        ],
      },
    ]);
  });

  test("has nothing undefined in it", () => {
    const json = encodeJob(job);
    expect(JSON.parse(JSON.stringify(json))).toStrictEqual(json);
  });
});

test("a group as a server gives it back has what scales it, whose least number counts where there is no Count", () => {
  const Scaling = {
    ...{ ID: "a-b", Namespace: "default", Target: { Job: "a", Group: "g" }, CreateIndex: 7, ModifyIndex: 8 },
    ...{ Min: 2, Max: 3, Policy: { check: [{ load: [{ source: "p" }] }] }, Enabled: true, Type: "horizontal" },
  };
  const read = (counted: object) => {
    const Tasks = [{ Name: "t", Driver: "qemu", Config: { image_path: "local/a" } }];
    return decodeJobJson(JSON.stringify({ ID: "a", TaskGroups: [{ Name: "g", ...counted, Tasks }] }));
  };
  const told = ({ diagnostics }: ReturnType<typeof read>) => diagnostics.map(({ message }) => message);
  expect(told(read({ Scaling }))).toEqual([
    '"Scaling" has no effect but for its min: nothing scales a group by itself',
  ]);
  expect(read({ Scaling }).job?.groups[0]?.count).toBe(2);
  expect(read({ Scaling, Count: 0 }).job?.groups[0]?.count).toBe(0);
  expect(told(read({ Scaling: null }))).toEqual([]);
});
