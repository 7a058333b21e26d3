import { afterEach, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { assignPorts, isFree } from "../../../../src/agent/place/ports.ts";
import type { Group, Port } from "../../../../src/job/job.ts";
import type { Capacity } from "../../../../src/node/node.ts";
import { findPortHolder } from "../../../../src/node/port-holder.ts";
import { capacity } from "../../../helpers/capacity.ts";
import { freePort } from "../../../helpers/ports.ts";

const HOST = capacity();

/** A host whose machines have their ports on one address. */
function on(address: string, change: Partial<Capacity>): Capacity {
  const hostNetworks = [{ name: "default", address, interface: "lo", missing: "", reservedPorts: [] }];
  return capacity({ hostNetworks, ...change });
}

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function busyTcp(address = "0.0.0.0"): Promise<number> {
  const server = createServer().listen(0, address);
  closers.push(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function busyUdp(): Promise<number> {
  const port = await freePort();
  const socket = createSocket("udp4").bind(port, "0.0.0.0");
  closers.push(() => socket.close());
  await once(socket, "listening");
  return port;
}

const port = (label: string, more: Partial<Port> = {}): Port => ({
  label,
  static: 0,
  to: 0,
  host_network: "default",
  ...more,
});
const group = (ports: Port[], taskPorts: Port[] = []) =>
  ({ networks: [{ ports }], tasks: [{ resources: { networks: [{ ports: taskPorts }] } }] }) as unknown as Group;

describe("giving ports to an allocation", () => {
  test("takes static ones as asked and others from the dynamic range, all different", async () => {
    const many = Array.from({ length: 50 }, (_, index) => port(`p${index}`));
    const asked = group([port("web", { static: 8080, to: 80 }), ...many], [port("ssh")]);
    const { ports, shortages } = await assignPorts(asked, HOST, []);
    expect(shortages).toEqual([]);
    expect(ports[0]).toEqual({ label: "web", hostPort: 8080, to: 80, hostAddress: "", static: true });
    expect(ports.at(-1)?.label).toBe("ssh");
    const dynamic = ports.slice(1).map(({ hostPort }) => hostPort);
    expect(new Set(dynamic).size).toBe(51);
    expect(Math.min(...dynamic)).toBeGreaterThanOrEqual(20_000);
    expect(Math.max(...dynamic)).toBeLessThanOrEqual(32_000);
  });

  test("to = -1 is the host's port", async () => {
    const { ports } = await assignPorts(group([port("web", { to: -1 })]), HOST, []);
    expect(ports[0]?.to).toBe(ports[0]?.hostPort as number);
  });

  test("names the allocation that holds a static port", async () => {
    const held = [{ address: "", port: 8080, holder: 'allocation 12345678 of job "web"' }];
    const { ports, shortages } = await assignPorts(group([port("web", { static: 8080 })]), HOST, held);
    expect(ports).toEqual([]);
    expect(shortages.map(({ text }) => text)).toEqual([
      'port 8080 (label "web") is held by allocation 12345678 of job "web"',
    ]);
  });

  test("picks no port that is busy on its address, and one that is busy on another", async () => {
    const busy = await busyTcp("127.0.0.2");
    const only = { dynamicPorts: { first: busy, last: busy } };
    expect((await assignPorts(group([port("a")]), on("127.0.0.2", only), [])).shortages).toEqual([
      {
        dimension: "network: dynamic port selection failed",
        text: `no port from ${busy} to ${busy} is free for label "a"`,
        never: false,
      },
    ]);
    const { ports } = await assignPorts(group([port("a")]), on("127.0.0.3", only), []);
    expect(ports[0]).toMatchObject({ hostAddress: "127.0.0.3", hostPort: busy });
  });

  test("picks no port that is reserved, held by others, root's alone or a static one of its own group", async () => {
    const reservedPorts = [{ first: 30_001, last: 30_002 }];
    const host = on("127.0.0.2", { dynamicPorts: { first: 30_001, last: 30_004 }, reservedPorts });
    const held = [{ address: "", port: 30_003, holder: "x" }];
    expect((await assignPorts(group([port("a")]), host, held)).ports[0]?.hostPort).toBe(30_004);
    expect((await assignPorts(group([port("a"), port("b")]), host, held)).shortages).toHaveLength(1);
    expect((await assignPorts(group([port("a")]), host, held, () => 30_005)).shortages).toHaveLength(1);
    const own = group([port("a"), port("s", { static: 30_004 })]);
    expect((await assignPorts(own, host, held)).shortages).toHaveLength(1);
  });
});

describe("a port of the host", () => {
  test("is seen to be busy on the protocol that is in use, and only there", async () => {
    const tcp = await busyTcp();
    expect(await isFree("tcp", "", tcp)).toBe(false);
    expect(await isFree("udp", "", tcp)).toBe(true);
    const udp = await busyUdp();
    expect(await isFree("udp", "", udp)).toBe(false);
  });

  test("names an address that the host does not have", async () => {
    await expect(isFree("tcp", "192.0.2.1", 30_000)).rejects.toThrow("EADDRNOTAVAIL");
  });

  test("is told with its holder's name and pid", async () => {
    expect(findPortHolder("tcp", await busyTcp())).toContain(`(pid ${process.pid})`);
    expect(findPortHolder("udp", await busyUdp())).toContain(`(pid ${process.pid})`);
    expect(findPortHolder("tcp", 1)).toBeUndefined();
  });

  test("is held only on the address that its holder has", async () => {
    const one = await busyTcp("127.0.0.2");
    const told = expect.stringContaining(`(pid ${process.pid})`);
    expect(findPortHolder("tcp", one, "127.0.0.2")).toEqual(told);
    expect(findPortHolder("tcp", one)).toEqual(told);
    expect(findPortHolder("tcp", one, "127.0.0.3")).toBeUndefined();
    expect(findPortHolder("tcp", await busyTcp(), "127.0.0.3")).toEqual(told);
    expect(findPortHolder("tcp", await busyTcp("::ffff:127.0.0.4"), "127.0.0.4")).toEqual(told);
  });
});
