import { describe, expect, test } from "bun:test";
import { NETWORK, port, problems, TASK, withGroup, withNetwork } from "../../../helpers/valid-job.ts";

describe("network", () => {
  test("labels and static ports are one set for the group and its tasks", () => {
    const own = { ...NETWORK, ports: [port("a", { static: 22 })] };
    const resources = { ...TASK.resources, networks: [{ ...NETWORK, ports: [port("a"), port("b", { static: 22 })] }] };
    expect(problems(withGroup({ networks: [own], tasks: [{ ...TASK, resources }] }))).toEqual([
      'port "a" stands twice in this group',
      "groups[0].tasks[0].resources.networks[0].ports[1].static must differ from the other ports, found 22 again",
    ]);
  });

  test.each([
    [{ hostname: "a_b" }, "hostname must be a host name"],
    [{ hostname: "a,guestfwd=x" }, "hostname must hold no comma"],
    [{ dns: { ...NETWORK.dns, searches: ["a\nb"] } }, "dns.searches[0] must hold no comma"],
    [{ dns: { ...NETWORK.dns, servers: [""] } }, "dns.servers[0] must be set"],
    [{ mode: "none" }, 'mode "none" is not supported yet'],
    [{ mode: "briddge" }, "mode must be host or bridge"],
    [{ ports: [port("a", { host_network: "l,an" })] }, "host_network must"],
  ])("%j is refused", (change, message) => {
    expect(problems(withNetwork(change)).join("\n")).toContain(message);
  });

  test("a host name with what is known at run time is accepted, and bridge mode warns", () => {
    expect(problems(withNetwork({ hostname: "vm-${NOMAD_ALLOC_INDEX}.example.org", mode: "bridge" }))).toEqual([]);
    expect(problems(withNetwork({ mode: "bridge" }), "warning")[0]).toContain('mode "bridge" has no effect');
  });
});
