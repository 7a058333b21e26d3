import { expect, setDefaultTimeout, test } from "bun:test";
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import type { demoJob } from "../helpers/in-process-agent.ts";
import { asRoot, machineUsers } from "../helpers/machine-users.ts";

setDefaultTimeout(60_000);

const bed = agentPerTest(false);
const { start, live, ended, userOf } = machineUsers(bed);

asRoot("what root could and a machine's user cannot is told before QEMU starts:", () => {
  const refuse = async (more: Parameters<typeof demoJob>[1]): Promise<string> => {
    await bed.submit(more);
    const { ending } = await ended();
    expect(ending).toMatchObject({ reason: "not-started", failed: true });
    return `${ending.message} ${ending.hint}`;
  };

  test("a file in args that it may not read, with its place and a way out", async () => {
    await start();
    const secret = bed.dir.file("secret.img");
    writeFileSync(secret, new Uint8Array(1 << 20), { mode: 0o600 });
    const said = await refuse({ config: `args = ["-nodefaults", "-drive", "file=${secret},format=raw,if=virtio"]` });
    expect(said).toContain(`config.args[1]: ${secret} cannot be read and written by user ${userOf().uid}`);
    expect(said).toContain("dynamic_workload_users = false");
    chmodSync(secret, 0o666);
    await bed.submit({ id: "open", config: `args = ["-drive", "file=${secret},format=raw,if=virtio"]` });
    await live("open");
  });

  test("a directory that it may not write to", async () => {
    await start();
    const said = await refuse({ config: `args = ["-chardev", "file,id=f,path=${bed.dir.path}/out.txt"]` });
    expect(said).toContain(`${bed.dir.path}/out.txt cannot be written by user ${userOf().uid}`);
  });

  test("nothing about what lies where it may not look: a file that is not there is told like one that is", async () => {
    await start();
    mkdirSync(bed.dir.file("closed"), { mode: 0o700 });
    writeFileSync(bed.dir.file("closed", "there.iso"), "x");
    const said = await refuse({
      config: `args = ["-cdrom", "${bed.dir.path}/closed/there.iso", "-kernel", "${bed.dir.path}/closed/none"]`,
    });
    for (const name of ["there.iso", "none"]) expect(said).toContain(`closed/${name} cannot be read by user`);
  });

  test("a tap device that it cannot make", async () => {
    await start();
    const said = await refuse({ config: 'args = ["-netdev", "tap,id=n,ifname=pdk9,script=no,downscript=no"]' });
    expect(said).toContain("there is no tap device pdk9");
    expect(said).toContain("ip tuntap add");
  });

  test("a port below those that everybody may open, when the job is handed in", async () => {
    await start();
    const first = Number(readFileSync("/proc/sys/net/ipv4/ip_unprivileged_port_start", "utf8"));
    const port = first - 1;
    const group = `network {\n port "web" {\n static = ${port}\n }\n }`;
    await expect(bed.submit({ group, config: "port_map {\n web = 80\n }" })).rejects.toThrow(
      `port ${port} (label "web") is root's alone`,
    );
    expect(bed.agent.jobs("")).toEqual([]);
  });
});
