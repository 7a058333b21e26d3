import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { Capacity } from "../../src/node/node.ts";
import { machineOf } from "../helpers/in-process-agent.ts";
import { placing, SMALL } from "../helpers/placing.ts";
import { freePort } from "../helpers/ports.ts";

setDefaultTimeout(60_000);

const { bed, allocationsOf, jobOf, submit, stop, restart, reasonsOf } = placing();

const network = (port: string, body: string): string => `network {\n port "${port}" {\n${body}\n}\n }`;
const forwarded = { config: "port_map { web = 80 }" };

function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host);
    socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    socket.once("connect", () => socket.destroy());
  });
}

describe("a port", () => {
  const ADDRESSES: Partial<Capacity> = {
    ...SMALL,
    reservedPorts: [{ first: 22, last: 22 }],
    hostNetworks: [
      { name: "default", address: "", interface: "", missing: "", reservedPorts: [] },
      { name: "two", address: "127.0.0.2", interface: "lo", missing: "", reservedPorts: [] },
      { name: "three", address: "127.0.0.3", interface: "lo", missing: "", reservedPorts: [] },
    ],
  };

  test("that another job has makes a job wait, until it is free", async () => {
    const port = await freePort();
    const group = network("web", `static = ${port}`);
    await submit(jobOf("first", {}, { group, ...forwarded }));
    await machineOf(bed.agent, "running", "first");
    const { evaluation } = await submit(jobOf("second", {}, { group, ...forwarded }));
    expect(evaluation.failures?.[0]?.shortages).toEqual([
      {
        dimension: `network: reserved port collision web=${port}`,
        text: expect.stringMatching(
          new RegExp(`^port ${port} \\(label "web"\\) is held by allocation [0-9a-f]{8} of job "first"$`),
        ),
        never: false,
      },
    ]);
    await stop("first");
    await machineOf(bed.agent, "running", "second");
  });

  test("of one number is two machines' on two addresses, and nobody's on a third", async () => {
    await restart(ADDRESSES);
    const port = await freePort();
    for (const name of ["two", "three"]) {
      const group = network("web", `static = ${port}\n host_network = "${name}"`);
      await submit(jobOf(name, {}, { group, ...forwarded, task: 'env { A = "${NOMAD_ADDR_web}" }' }));
      await machineOf(bed.agent, "running", name);
    }
    expect(await Promise.all(["127.0.0.2", "127.0.0.3", "127.0.0.1"].map((host) => answers(host, port)))).toEqual([
      true,
      true,
      false,
    ]);
    expect(allocationsOf("two")[0]?.ports[0]).toMatchObject({ hostAddress: "127.0.0.2", hostPort: port });
    await submit(jobOf("all", { memory: 128 }, { group: network("web", `static = ${port}`) }));
    expect(reasonsOf("all").some((reason) => reason.startsWith(`port ${port} (label "web") is held by`))).toBe(true);
  });

  test("that is picked is on the address of its network, and the machine knows it", async () => {
    await restart(ADDRESSES);
    const args = 'args = ["-name", "at-${NOMAD_ADDR_web}-${NOMAD_IP_web}"]\n port_map { web = 80 }';
    await submit(jobOf("two", {}, { group: network("web", 'host_network = "two"'), config: args }));
    await machineOf(bed.agent, "running", "two");
    const { ports, id } = allocationsOf("two")[0] ?? { ports: [], id: "" };
    expect(ports[0]?.hostAddress).toBe("127.0.0.2");
    const words = bed.agent.launchPlan(id, "vm").argv.map(({ word }) => word);
    expect(words).toContain(`at-127.0.0.2:${ports[0]?.hostPort}-127.0.0.2`);
    expect(await answers("127.0.0.2", ports[0]?.hostPort ?? 0)).toBe(true);
    expect(await answers("127.0.0.1", ports[0]?.hostPort ?? 0)).toBe(false);
  });

  test.each([
    ['host_network = "tow"', 'port "web": this host has no host_network "tow"; it has default, two, three'],
    ["static = 22", 'port 22 (label "web") is reserved on this host'],
  ])("with %s is refused before anything is recorded", async (body, message) => {
    await restart(ADDRESSES);
    await expect(submit(jobOf("bad", {}, { group: network("web", body) }))).rejects.toThrow(`group "g": ${message}`);
    expect(bed.agent.jobs("")).toEqual([]);
  });

  test("that is busy on its address is named with its holder before QEMU starts; on another one it is no matter", async () => {
    await restart(ADDRESSES);
    const server = createServer().listen(0, "127.0.0.2");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    try {
      const on = (name: string) => ({
        group: network("web", `static = ${port}\n host_network = "${name}"`),
        ...forwarded,
      });
      await submit(jobOf("two", {}, on("two")));
      const { ending } = await machineOf(bed.agent, "ended", "two");
      expect(ending.message).toContain(`port ${port}/tcp of 127.0.0.2 (label "web") is in use by`);
      expect(ending.message).toContain(`(pid ${process.pid})`);
      await submit(jobOf("three", {}, on("three")));
      await machineOf(bed.agent, "running", "three");
    } finally {
      server.close();
    }
  });

  test("of udp that is busy is left out beside tcp, and is an error where it is all that was asked for", async () => {
    const port = await freePort();
    const socket = createSocket("udp4").bind(port, "0.0.0.0");
    await once(socket, "listening");
    try {
      const asked = (id: string, entry: string) =>
        submit(jobOf(id, {}, { group: network("web", `static = ${port}`), config: `port_map { web = "${entry}" }` }));
      await asked("udp", "53/udp");
      const { ending } = await machineOf(bed.agent, "ended", "udp");
      expect(ending.message).toContain(`port ${port}/udp (label "web") is in use by`);
      const forwardsOf = (id: string) => bed.agent.launchPlan(allocationsOf(id)[0]?.id ?? "", "vm").forwards;
      await asked("tcp", "53/tcp");
      await machineOf(bed.agent, "running", "tcp");
      expect(allocationsOf("tcp")[0]?.tasks["vm"]?.events.map(({ type }) => type)).not.toContain("Driver");
      expect(forwardsOf("tcp").map(({ protocol }) => protocol)).toEqual(["tcp"]);
      await stop("tcp");
      await machineOf(bed.agent, "ended", "tcp");
      await asked("both", "53");
      await machineOf(bed.agent, "running", "both");
      expect(forwardsOf("both").map(({ protocol }) => protocol)).toEqual(["tcp"]);
    } finally {
      socket.close();
    }
  });
});
