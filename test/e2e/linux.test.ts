import { expect, test } from "bun:test";
import { copyFileSync } from "node:fs";
import { join } from "node:path";
import { grubRescueIso, withoutEscapes } from "../guests/grub.ts";
import { tinyGuest } from "../guests/tiny.ts";
import { hashOf } from "../helpers/hash.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { expectNoLeaks } from "../helpers/leaks.ts";
import { startNginx } from "../helpers/nginx.ts";
import { freePort } from "../helpers/ports.ts";
import { until } from "../helpers/until.ts";

test("a Linux machine is fetched, proved, booted, reached, read and shut down by its power button", async () => {
  await using nginx = await startNginx();
  await using agent = await startImageAgent();
  const { qcow2 } = tinyGuest();
  copyFileSync(qcow2, join(nginx.root, "tiny.qcow2"));
  const sha256 = hashOf(qcow2);
  const web = await freePort();
  const file = agent.jobFile(
    jobText({
      id: "web",
      image: "local/tiny.qcow2",
      memory: 256,
      config: 'drive_interface = "virtio"\n port_map {\n web = 80\n }',
      group: `network {\n port "web" {\n static = ${web}\n }\n }`,
      task: `kill_timeout = "20s"
      artifact {
        source = "${nginx.url("/tiny.qcow2")}"
        options {
          checksum = "sha256:${sha256}"
        }
      }`,
    }),
  );

  const run = await agent.run(["job", "run", file], { deadline: 60_000 });
  expect(run).toMatchObject({ code: 0 });
  expect(run.stdout + run.stderr).toContain(String(web));
  expect(nginx.accessLog()).toEqual([expect.stringMatching(/^GET \/tiny\.qcow2 200 \d+$/)]);

  await until("the guest's web server", async () => (await fetch(`http://127.0.0.1:${web}/cgi-bin/info`)).ok, {
    deadline: 60_000,
  });
  const info = (await (await fetch(`http://127.0.0.1:${web}/cgi-bin/info`)).json()) as { hostname: string };
  expect(info.hostname).toBe("tiny");

  await until(
    "TINY READY on the console",
    async () => (await agent.run(["logs", "web"])).stdout.includes("TINY READY"),
    { deadline: 60_000 },
  );
  expect((await agent.run(["ps"])).stdout).toContain("web");
  expect((await agent.run(["status", "web"])).stdout).toContain("running");

  const stop = await agent.run(["stop", "web"], { deadline: 60_000 });
  expect(stop).toMatchObject({ code: 0 });
  expect(stop.stdout + stop.stderr).toContain("power button");
  expect((await agent.run(["logs", "web"])).stdout).toContain("TINY POWEROFF");
  expect((await newest(agent, "web")).status).toBe("complete");
  await agent.stop();
  await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
});

test("a Linux whose kernel panics is told from one that runs, starts again by its policy, and why shows its last words", async () => {
  await using agent = await startImageAgent();
  const image = join(agent.images, "tiny.qcow2");
  copyFileSync(tinyGuest().qcow2, image);
  const config = `drive_interface = "virtio"
        args = ["-fw_cfg", "name=opt/tiny,string=tiny.crash=1"]`;
  const text = jobText({ id: "panic", image, memory: 256, config }).replace(
    /attempts = 0\s+mode {5}= "fail"/,
    'attempts = 1\n interval = "1h"\n delay = "100ms"\n mode = "fail"',
  );
  expect(await agent.run(["run", agent.jobFile(text)], { deadline: 60_000 })).toMatchObject({ code: 0 });
  await until("the policy to give up", async () => (await newest(agent, "panic")).status === "failed", {
    deadline: 90_000,
  });
  const { code, stdout } = await agent.run(["why", "panic"]);
  expect(code).toBe(0);
  expect(stdout).toStartWith('job "panic", task "vm": the guest\'s kernel panicked, ');
  expect(stdout).toContain('Exceeded allowed attempts 1 in interval 1h0m0s and mode is "fail"');
  expect(stdout).toContain("GUEST_PANICKED");
  expect(stdout).toContain("Kernel panic - not syncing: sysrq triggered crash");
  const first = await agent.run(["why", "-generation", "1", "panic"]);
  expect(first.stdout).toContain("Restart within policy");
  expect((await agent.run(["status", "panic"])).stdout).toContain("the guest's kernel panicked (guest-panic)");
  await agent.stop();
  await expectNoLeaks({ dir: agent.dir, agent: agent.dirs });
});

test("GRUB's rescue disk, which ignores the power button, is forced within kill_timeout and two seconds, with the reason", async () => {
  await using agent = await startImageAgent();
  const image = join(agent.images, "grub.iso");
  copyFileSync(grubRescueIso(), image);
  const file = agent.jobFile(jobText({ id: "grub", image, task: 'kill_timeout = "3s"' }));
  expect(await agent.run(["run", file], { deadline: 60_000 })).toMatchObject({ code: 0 });
  await until("GRUB", async () => withoutEscapes((await agent.run(["logs", "grub"])).stdout).includes("GRUB"), {
    deadline: 60_000,
  });
  const stop = await agent.run(["stop", "grub"], { deadline: 30_000 });
  expect(stop.code).toBe(0);
  expect(stop.stdout + stop.stderr).toContain("acpid");
  const { id } = await newest(agent, "grub");
  const receipt = (await (await agent.request(`/v1/vm/${id}/vm/receipt`)).json()) as {
    Reason: string;
    Stop: { Rung: string; Took: number; Tries: unknown[] };
  };
  expect(receipt).toMatchObject({ Reason: "host-qmp-quit", Stop: { Rung: "quit" } });
  expect(receipt.Stop.Took).toBeGreaterThanOrEqual(3e9);
  expect(receipt.Stop.Took).toBeLessThan(5e9);
  expect(receipt.Stop.Tries.length).toBeGreaterThanOrEqual(6);
});
