import { afterEach, describe, expect, test } from "bun:test";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { type AddressInfo, createServer } from "node:net";
import { assignPorts, DYNAMIC_PORTS, isFree } from "../../../src/agent/ports.ts";
import type { Group, Port } from "../../../src/job/job.ts";
import { findPortHolder } from "../../../src/node/port-holder.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

async function busyTcp(): Promise<number> {
  const server = createServer().listen(0, "0.0.0.0");
  closers.push(() => server.close());
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function busyUdp(): Promise<number> {
  const socket = createSocket("udp4").bind(0, "0.0.0.0");
  closers.push(() => socket.close());
  await once(socket, "listening");
  return socket.address().port;
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
    const assigned = await assignPorts(
      group([port("web", { static: 8080, to: 80 }), ...many], [port("ssh")]),
      new Map(),
    );
    expect(assigned[0]).toEqual({ label: "web", hostPort: 8080, to: 80, hostAddress: "", static: true });
    expect(assigned.at(-1)?.label).toBe("ssh");
    const dynamic = assigned.slice(1).map(({ hostPort }) => hostPort);
    expect(new Set(dynamic).size).toBe(51);
    expect(Math.min(...dynamic)).toBeGreaterThanOrEqual(DYNAMIC_PORTS.first);
    expect(Math.max(...dynamic)).toBeLessThanOrEqual(DYNAMIC_PORTS.last);
  });

  test("to = -1 is the host's port", async () => {
    const [assigned] = await assignPorts(group([port("web", { to: -1 })]), new Map());
    expect(assigned?.to).toBe(assigned?.hostPort as number);
  });

  test("names the allocation that holds a static port", async () => {
    const taken = new Map([[8080, 'allocation 12345678 of job "web"']]);
    await expect(assignPorts(group([port("web", { static: 8080 })]), taken)).rejects.toThrow(
      'port 8080 (label "web") is held by allocation 12345678 of job "web"',
    );
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
});
