import { describe, expect, test } from "bun:test";
import * as v from "valibot";
import { diffJobs } from "../../../../src/contract/diff/job.ts";
import { type FieldDiff, JobDiffSchema } from "../../../../src/contract/job-diff.ts";
import type { Job } from "../../../../src/job/job.ts";
import { encodeJob } from "../../../../src/job/wire.ts";
import { jobOf } from "../../../helpers/records.ts";

const SECRETS = [
  "s3cr3t-env",
  "s3cr3t-header",
  "s3cr3t-user",
  "s3cr3t-query",
  "s3cr3t-key",
  "s3cr3t-body",
  "s3cr3t-data",
];

interface Text {
  readonly job?: string;
  readonly group?: string;
  readonly task?: string;
  readonly memory?: number;
}

const job = ({ job = "", group = "", task = "", memory = 256 }: Text = {}): Job =>
  jobOf(`job "web" {
  ${job}
  group "vms" {
    network {
      port "http" { to = 80 }
    }
    ${group}
    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/linux.img"
        port_map {
          http = 80
        }
      }
      resources {
        memory = ${memory}
      }
      ${task}
    }
  }
}`);

function diff(before: Text | null, after: Text | null) {
  const [old, now] = [before, after].map((text) => (text === null ? undefined : encodeJob(job(text))));
  return v.parse(JobDiffSchema, JSON.parse(JSON.stringify(diffJobs("web", old, now))));
}

const field = (Name: string, Old: string, New: string): FieldDiff => ({
  Type: Old === New ? "None" : Old === "" ? "Added" : New === "" ? "Deleted" : "Edited",
  Name,
  Old,
  New,
  Annotations: null,
});

const taskOf = (found: ReturnType<typeof diff>) => found.TaskGroups[0]?.Tasks[0];

describe("what differs between two jobs", () => {
  test("is nothing between equal ones, with every group and task named", () => {
    expect(diff({}, {})).toEqual({
      Type: "None",
      ID: "web",
      Fields: [],
      Objects: [],
      TaskGroups: [
        {
          Type: "None",
          Name: "vms",
          Fields: [],
          Objects: [],
          Updates: null,
          Tasks: [{ Type: "None", Name: "vm", Fields: [], Objects: [], Annotations: null }],
        },
      ],
    });
  });

  test("is told by the field, of a task and of its job", () => {
    const found = diff({ task: 'env { A = "b" }' }, { job: "priority = 70", task: 'kill_timeout = "9s"' });
    expect([found.Type, found.TaskGroups[0]?.Type, taskOf(found)?.Type]).toEqual(["Edited", "Edited", "Edited"]);
    expect(found.Fields).toEqual([field("Priority", "50", "70")]);
    expect(taskOf(found)?.Fields).toEqual([
      field("Env[A]", "***", ""),
      field("KillTimeout", "5000000000", "9000000000"),
    ]);
  });

  test("is told with the rest of its block, where that is one of QEMU's or of the host's", () => {
    const found = taskOf(diff({}, { memory: 300 }));
    expect(found?.Objects).toMatchObject([{ Type: "Edited", Name: "Resources", Objects: [] }]);
    expect(found?.Objects[0]?.Fields).toContainEqual(field("MemoryMB", "256", "300"));
    expect(found?.Objects[0]?.Fields).toContainEqual(field("CPU", "100", "100"));
    const config = { Type: "Edited", Name: "Config" };
    const args = JSON.parse(JSON.stringify(job()).replace('"args":[]', '"args":["-smp","2"]')) as Job;
    const changed = diffJobs("web", encodeJob(job()), encodeJob(args)).TaskGroups[0]?.Tasks[0];
    expect(changed?.Objects).toMatchObject([config]);
    expect(changed?.Objects[0]?.Fields).toContainEqual(field("args[1]", "", "2"));
    expect(changed?.Objects[0]?.Fields).toContainEqual(field("port_map[0][http]", "80", "80"));
  });

  test("is a set where the order means nothing", () => {
    const found = diff({ job: 'datacenters = ["dc1", "dc2"]' }, { job: 'datacenters = ["dc2", "dc3"]' });
    const Fields = [
      field("Datacenters", "dc2", "dc2"),
      field("Datacenters", "", "dc3"),
      field("Datacenters", "dc1", ""),
    ];
    expect(found.Objects).toEqual([{ Type: "Edited", Name: "Datacenters", Fields, Objects: [] }]);
    expect(diff({ job: 'datacenters = ["a", "b"]' }, { job: 'datacenters = ["b", "a"]' }).Type).toBe("None");
  });

  test("is one block less and one more of those that have no name", () => {
    const constraint = (value: string) => ({
      job: `constraint {\n attribute = "\${attr.cpu.arch}"\n value = "${value}"\n}`,
    });
    const found = diff(constraint("a"), constraint("b"));
    expect(found.Objects.map(({ Type, Name }) => [Type, Name])).toEqual([
      ["Added", "Constraint"],
      ["Deleted", "Constraint"],
    ]);
  });

  test("counts blocks that stand there several times", () => {
    const of = (count: number): Text => ({ task: 'artifact {\n source = "http://example.org/a"\n }\n'.repeat(count) });
    const changed = (old: number, now: number): string[] =>
      diffJobs("web", encodeJob(job(of(old))), encodeJob(job(of(now)))).TaskGroups.flatMap(({ Tasks }) =>
        Tasks.flatMap(({ Objects }) => Objects.map(({ Type, Name }) => `${Type} ${Name}`)),
      );
    expect([changed(1, 3), changed(3, 1), changed(2, 2)]).toEqual([
      ["Added Artifact", "Added Artifact"],
      ["Deleted Artifact", "Deleted Artifact"],
      [],
    ]);
  });

  test("is an edit of those that have one, down to a check's own blocks", () => {
    const service = (interval: string, grace: string) => ({
      group: `service {
        port = "http"
        check {
          type     = "tcp"
          interval = "${interval}"
          timeout  = "1s"
          check_restart {
            limit = 3
            grace = "${grace}"
          }
        }
      }`,
    });
    const [found] = diff(service("9s", "1s"), service("10s", "2s")).TaskGroups[0]?.Objects ?? [];
    expect([found?.Type, found?.Name]).toEqual(["Edited", "Service"]);
    const [check] = found?.Objects ?? [];
    expect([check?.Type, check?.Name]).toEqual(["Edited", "Check"]);
    expect(check?.Fields).toContainEqual(field("Interval", "9000000000", "10000000000"));
    expect(check?.Objects).toMatchObject([{ Type: "Edited", Name: "CheckRestart" }]);
  });

  test("is all of a job that is new, without what it does not say, and all of one that goes", () => {
    const added = diff(null, {});
    expect([added.Type, added.TaskGroups[0]?.Type, taskOf(added)?.Type]).toEqual(["Added", "Added", "Added"]);
    expect(added.TaskGroups[0]?.Fields).toContainEqual(field("Count", "", "1"));
    expect(taskOf(added)?.Objects.map(({ Name }) => Name)).toEqual([
      "Config",
      "LogConfig",
      "Resources",
      "RestartPolicy",
    ]);
    expect(JSON.stringify(added)).not.toContain('"DNS"');
    const [network] = added.TaskGroups[0]?.Objects.filter(({ Name }) => Name === "Network") ?? [];
    expect(network?.Objects.map(({ Name }) => Name)).toEqual(["Dynamic Port"]);
    const deleted = diff({}, null);
    expect([deleted.Type, deleted.TaskGroups[0]?.Type, taskOf(deleted)?.Type]).toEqual([
      "Deleted",
      "Deleted",
      "Deleted",
    ]);
  });
});

test("no secret is in it, and that one changed is", () => {
  const secret = (mark: string): Text => ({
    group: `service {
      port = "http"
      check {
        type     = "http"
        path     = "/"
        interval = "9s"
        timeout  = "1s"
        body     = "s3cr3t-body${mark}"
        header {
          Authorization = ["s3cr3t-header${mark}"]
        }
      }
    }`,
    task: `env {
      TOKEN = "s3cr3t-env${mark}"
    }
    artifact {
      source = "https://s3cr3t-user${mark}@example.org/x?token=s3cr3t-query${mark}"
      headers {
        Authorization = "s3cr3t-header${mark}"
      }
      options {
        aws_access_key_secret = "s3cr3t-key${mark}"
        ref = "open${mark}"
      }
    }
    template {
      data        = "s3cr3t-text${mark}"
      destination = "local/x"
    }`,
  });
  const texts = [diff(null, secret("1")), diff(secret("1"), null), diff(secret("1"), secret("2"))].map((it) =>
    JSON.stringify(it),
  );
  for (const text of texts) for (const word of SECRETS) expect(text).not.toContain(word);
  expect(texts[2]).toContain('"Type":"Edited","Name":"Env[TOKEN]","Old":"***","New":"***"');
  expect(texts[2]).toContain("open2");
  const args = (data: string): Job =>
    JSON.parse(
      JSON.stringify(job()).replace('"args":[]', `"args":["-object","secret,id=a,data=s3cr3t-data${data}"]`),
    ) as Job;
  const found = JSON.stringify(diffJobs("web", encodeJob(args("1")), encodeJob(args("2"))));
  expect(found).not.toContain("s3cr3t-data");
  expect(found).toContain("secret,id=a,data=***");
});

test("names that every object has are names like others", () => {
  const found = diff({}, { task: "env {\n constructor = 1\n __proto__ = 2\n}" });
  expect(
    taskOf(found)
      ?.Fields.map(({ Name }) => Name)
      .toSorted(),
  ).toEqual(["Env[__proto__]", "Env[constructor]"]);
});
