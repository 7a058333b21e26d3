import { describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { TestAgent } from "../helpers/agent.ts";
import { DEMO_DISK_SHA256, demoDisk } from "../helpers/demo-disk.ts";
import { hexOf } from "../helpers/hash.ts";
import { startImageAgent } from "../helpers/jobs.ts";
import { startNginx } from "../helpers/nginx.ts";
import { runPaddock } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

/* The examples of Nomad's documentation of the qemu driver, word for word but for the braces that the page leaves out. */

const WEBSERVICE = `task "webservice" {
  driver = "qemu"

  config {
    image_path        = "/path/to/my/linux.img"
    accelerator       = "kvm"
    graceful_shutdown = true
    args              = ["-nodefaults", "-nodefconfig"]
  }
}`;

const VIRTUAL = `task "virtual" {
  driver = "qemu"

  config {
    image_path  = "local/linux.img"
    accelerator = "kvm"
    args        = ["-nodefaults", "-nodefconfig"]
  }

  artifact {
    source = "https://internal.file.server/linux.img"

    options {
      checksum = "md5:123445555555555"
    }
  }
}`;

const CONSTRAINT = `constraint {
  attribute = "\${driver.qemu.version}"
  operator  = ">"
  value     = "1.2.3"
}`;

const PLUGIN = `plugin "qemu" {
  config {
    image_paths    = ["/mnt/image/paths"]
    args_allowlist = ["-drive", "-usbdevice"]
  }
}`;

const job = (task: string, more = ""): string => `job "docs" {\n${more}\ngroup "g" {\n${task}\n}\n}\n`;

async function kvmWorks(agent: TestAgent): Promise<boolean> {
  return await until("the fingerprint of KVM", () => {
    const found = /fingerprinted:.* kvm=(\S+)/.exec(agent.output());
    return found === null ? undefined : { usable: found[1] === "usable" };
  }).then(({ usable }) => usable);
}

/** Runs a job file; where KVM does not work the message is looked at and only the accelerator is changed. */
async function runWithKvmOrWithout(agent: Awaited<ReturnType<typeof startImageAgent>>, text: string) {
  if (await kvmWorks(agent)) return await agent.run(["run", agent.jobFile(text)], { deadline: 60_000 });
  const refused = await agent.run(["run", agent.jobFile(text)]);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain('config.accelerator: "kvm" does not work on this node');
  expect(refused.stderr).toContain('accelerator = "tcg"');
  const tcg = text.replace(/accelerator( +)= "kvm"/, 'accelerator$1= "tcg"');
  expect(tcg).not.toBe(text);
  return await agent.run(["run", agent.jobFile(tcg)], { deadline: 60_000 });
}

async function bootsAndStops(agent: TestAgent): Promise<void> {
  await until("the guest's banner", async () => (await agent.run(["logs", "docs"])).stdout.includes("DEMO GUEST"), {
    deadline: 20_000,
  });
  expect(await agent.run(["stop", "docs"])).toMatchObject({ code: 0 });
}

describe("the documentation's", () => {
  test("webservice task with its constraint runs, with -nodefconfig replaced and said so", async () => {
    await using agent = await startImageAgent();
    const image = join(agent.images, "linux.img");
    writeFileSync(image, demoDisk());
    const text = job(WEBSERVICE.replace("/path/to/my/linux.img", image), CONSTRAINT);
    const run = await runWithKvmOrWithout(agent, text);
    expect(run).toMatchObject({ code: 0 });
    expect(run.stdout + run.stderr).toContain("replaced by -no-user-config");
    expect(run.stdout + run.stderr).toContain("attr.driver.qemu.version");
    await bootsAndStops(agent);
  });

  test("virtual task runs from its artifact once the checksum is one", async () => {
    await using nginx = await startNginx();
    await using agent = await startImageAgent();
    const invalid = await agent.run(["job", "validate", agent.jobFile(job(VIRTUAL))]);
    expect(invalid.code).toBe(1);
    expect(invalid.stderr).toMatch(/job\.hcl:\d+:\d+: .*checksum/);
    expect(invalid.stderr).toContain("32");
    writeFileSync(join(nginx.root, "linux.img"), demoDisk());
    const md5 = hexOf(demoDisk(), "md5");
    const text = job(VIRTUAL)
      .replace("https://internal.file.server/linux.img", nginx.url("/linux.img"))
      .replace("123445555555555", md5);
    expect(await runWithKvmOrWithout(agent, text)).toMatchObject({ code: 0 });
    await bootsAndStops(agent);
  });

  test("plugin block configures the agent: images from elsewhere and arguments outside the list are refused", async () => {
    await using agent = await startImageAgent({ config: PLUGIN });
    const image = agent.demoDisk();
    const other = WEBSERVICE.replace("/path/to/my/linux.img", image).replace('"kvm"', '"tcg"');
    const args = await agent.run(["run", agent.jobFile(job(other))]);
    expect(args.code).toBe(1);
    expect(args.stderr).toContain('"-nodefaults" is not in args_allowlist');
    const noArgs = other.replace(/ *args .*\n/, "");
    const paths = await agent.run(["run", agent.jobFile(job(noArgs))]);
    expect(paths.code).toBe(1);
    expect(paths.stdout + paths.stderr).toContain("/mnt/image/paths");
  });
});

describe("the README's", () => {
  const readme = join(import.meta.dir, "..", "..", "README.md");
  const example = /<!-- example -->\n```hcl\n([\s\S]*?)```/.exec(readFileSync(readme, "utf8"))?.[1] ?? "";

  test("example is a valid job file as it stands", async () => {
    await using dir = tempDir();
    await Bun.write(dir.file("example.hcl"), example);
    const result = await runPaddock(["job", "validate", dir.file("example.hcl")]);
    expect(result).toMatchObject({ code: 0, stdout: expect.stringContaining("Job validation successful") });
  });

  test("example runs with an image of one's own", async () => {
    await using nginx = await startNginx();
    await using agent = await startImageAgent();
    writeFileSync(join(nginx.root, "linux.img"), demoDisk());
    const text = example
      .replace("https://internal.file.server/linux.img", nginx.url("/linux.img"))
      .replace(/sha256:[0-9a-f]{64}/, `sha256:${DEMO_DISK_SHA256}`)
      .replace("static = 8080", "static = 0");
    expect(await agent.run(["run", agent.jobFile(text)], { deadline: 60_000 })).toMatchObject({ code: 0 });
    expect(await agent.run(["stop", "example"])).toMatchObject({ code: 0 });
  });
});
