import { describe, expect, test } from "bun:test";
import { copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { demoImage } from "../../src/guest/demo-image.ts";
import { startAgent } from "../helpers/agent.ts";
import { paddockBinary } from "../helpers/binary.ts";
import { hexOf } from "../helpers/hash.ts";
import { type ImageAgent, jobText, startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { startNginx } from "../helpers/nginx.ts";
import { runPaddock, runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";

/** Runs a job that must not come to a machine; nothing of it may be left. */
async function refuse(agent: ImageAgent, text: string): Promise<string> {
  const result = await agent.run(["job", "run", agent.jobFile(text)]);
  expect(result.code).toBe(1);
  await agent.run(["stop", "-purge", "demo"]);
  await expectNoLeaks({ dir: join(agent.dirs.dataDir, "alloc") });
  expect(readdirSync(agent.dirs.runDir)).toEqual(["api.sock"]);
  return result.stdout + result.stderr;
}

const artifact = (source: string, checksum: string): string =>
  `artifact {\n source = "${source}"\n options {\n checksum = "${checksum}"\n }\n }`;

function filesBelow(dir: string): string[] {
  return readdirSync(dir, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => entry.name);
}

describe("an artifact", () => {
  test("with the wrong checksum is refused with both sums and leaves no file", async () => {
    await using nginx = await startNginx();
    await using agent = await startImageAgent();
    writeFileSync(join(nginx.root, "demo.img"), demoImage());
    const wrong = "0".repeat(64);
    const said = await refuse(
      agent,
      jobText({ image: "local/demo.img", task: artifact(nginx.url("/demo.img"), `sha256:${wrong}`) }),
    );
    expect(said).toContain(wrong);
    expect(said).toContain(hexOf(demoImage()));
    expect(filesBelow(agent.dirs.dataDir).filter((name) => name.includes("demo.img"))).toEqual([]);
  });

  test("that the server does not have is refused with its status", async () => {
    await using nginx = await startNginx();
    await using agent = await startImageAgent();
    const said = await refuse(
      agent,
      jobText({ image: "local/x.img", task: artifact(nginx.url("/x.img"), `md5:${"0".repeat(32)}`) }),
    );
    expect(said).toContain("404");
    expect(said).toContain(nginx.url("/x.img"));
  });
});

describe("an image", () => {
  test("that is not there is refused with where it was looked for", async () => {
    await using agent = await startImageAgent();
    expect(await refuse(agent, jobText({ image: "local/none.img" }))).toContain("none.img");
  });

  test("outside image_paths is refused with the list", async () => {
    await using agent = await startImageAgent();
    const outside = join(agent.dir, "outside.img");
    writeFileSync(outside, demoImage());
    const said = await refuse(agent, jobText({ image: outside }));
    expect(said).toContain(outside);
    expect(said).toContain(agent.images);
  });

  test("that is a symbolic link to the outside is refused", async () => {
    await using agent = await startImageAgent();
    writeFileSync(join(agent.dir, "outside.img"), demoImage());
    symlinkSync(join(agent.dir, "outside.img"), join(agent.images, "link.img"));
    expect(await refuse(agent, jobText({ image: join(agent.images, "link.img") }))).toContain("outside.img");
  });

  test("with a backing file is refused: it would show a file of the host to the guest", async () => {
    await using agent = await startImageAgent();
    const image = join(agent.images, "child.qcow2");
    const made = await runProgram([
      "qemu-img",
      "create",
      "-q",
      "-f",
      "qcow2",
      "-b",
      "/etc/hostname",
      "-F",
      "raw",
      image,
    ]);
    expect(made).toMatchObject({ code: 0 });
    expect(await refuse(agent, jobText({ image }))).toContain("backing file");
  });

  test("of another format is refused by its name", async () => {
    await using agent = await startImageAgent();
    const image = join(agent.images, "disk.vmdk");
    expect(await runProgram(["qemu-img", "create", "-q", "-f", "vmdk", image, "1M"])).toMatchObject({ code: 0 });
    expect((await refuse(agent, jobText({ image }))).toLowerCase()).toContain("vmdk");
  });

  test("whose name has a comma opens that name and adds no option", async () => {
    await using agent = await startImageAgent();
    const said = await refuse(agent, jobText({ image: join(agent.images, "a.img,file=/etc/hostname") }));
    expect(said).toContain("a.img,file=/etc/hostname");
    mkdirSync(join(agent.images, "a.img,file="));
    copyFileSync(agent.demoDisk(), join(agent.images, "a.img,file=", "hostname"));
    const file = agent.jobFile(jobText({ id: "comma", image: join(agent.images, "a.img,file=", "hostname") }));
    expect(await agent.run(["run", file])).toMatchObject({ code: 0 });
    expect(await agent.run(["stop", "comma"])).toMatchObject({ code: 0 });
  });
});

test("a busy port is refused with its holder before QEMU starts", async () => {
  await using agent = await startImageAgent();
  const holder = Bun.listen({ hostname: "0.0.0.0", port: 0, socket: { data: () => undefined } });
  try {
    const group = `network {\n port "web" {\n static = ${holder.port}\n }\n }`;
    const said = await refuse(agent, jobText({ image: agent.demoDisk(), group, config: "port_map {\n web = 80\n }" }));
    expect(said).toContain(`port ${holder.port}/tcp`);
    expect(said).toContain(`pid ${process.pid}`);
  } finally {
    holder.stop(true);
  }
});

test("a host without QEMU is told what to install", async () => {
  await using bin = tempDir();
  symlinkSync("/bin/sh", bin.file("sh"));
  await using agent = await startImageAgent({ env: { PATH: bin.path } });
  const said = await refuse(agent, jobText({ image: agent.demoDisk() }));
  expect(said).toContain("qemu-system-x86");
});

test("an unknown attribute is refused with file, line, column and a suggestion", async () => {
  await using agent = await startImageAgent();
  const said = await refuse(agent, jobText({ image: agent.demoDisk(), config: 'image_pth = "x"' }));
  expect(said).toMatch(/job\.hcl:\d+:\d+: .*unknown attribute "image_pth"/);
  expect(said).toContain('did you mean "image_path"?');
});

test("constraints that do not hold are refused, each with the value found", async () => {
  await using agent = await startImageAgent();
  const job = `constraint {
    attribute = "\${driver.qemu.version}"
    operator  = ">"
    value     = "99.0.0"
  }
  constraint {
    attribute = "\${attr.kernel.name}"
    value     = "plan9"
  }`;
  const said = await refuse(agent, jobText({ image: agent.demoDisk(), job }));
  expect(said).toContain("99.0.0");
  expect(said).toMatch(/\d+\.\d+\.\d+/);
  expect(said).toContain("plan9");
  expect(said).toContain("linux");
});

describe("without an agent", () => {
  test("a command says where it looked and how to start one", async () => {
    await using dir = tempDir();
    const result = await runPaddock(["ps"], { env: { PADDOCK_ADDR: `unix://${dir.file("none.sock")}` } });
    expect(result.code).toBe(1);
    expect(result.stderr).toContain("none.sock");
    expect(result.stderr).toContain("paddock agent");
  });

  test("a job file is validated", async () => {
    await using dir = tempDir();
    await Bun.write(dir.file("good.hcl"), jobText({ image: "local/x.img" }));
    const good = await runPaddock(["job", "validate", dir.file("good.hcl")]);
    expect(good).toMatchObject({ code: 0, stdout: expect.stringContaining("Job validation successful") });
    await Bun.write(
      dir.file("bad.hcl"),
      jobText({ image: "local/x.img", config: "args = 7", task: 'kill_timeout = "soon"' }),
    );
    const bad = await runPaddock(["job", "validate", dir.file("bad.hcl")]);
    expect(bad.code).toBe(1);
    expect(bad.stderr.match(/bad\.hcl:\d+:\d+:/g)).toHaveLength(2);
  });
});

test("a command that the agent's user may not give says whose socket it is", async () => {
  if (process.getuid?.() !== 0) return;
  await using agent = await startAgent();
  const result = await runProgram(
    ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", paddockBinary(), "ps"],
    { env: { PADDOCK_ADDR: agent.address } },
  );
  expect(result.code).toBe(1);
  expect(result.stderr.toLowerCase()).toContain("permission");
});
