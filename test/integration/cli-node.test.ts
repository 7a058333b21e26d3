import { expect, test } from "bun:test";
import { capacity } from "../helpers/capacity.ts";
import { serveCliApi } from "../helpers/cli-api.ts";
import { quiet } from "../helpers/cli-job.ts";
import { allocation, CRASHED, ended, jobRecord, NODE, taskRecord } from "../helpers/records.ts";

test("node status shows driver, attributes and metadata, by -self, by an id's beginning and by neither", async () => {
  await using api = serveCliApi();
  const plain = await api.run(["node", "status"]);
  expect(plain).toMatchObject(quiet);
  expect(plain.stdout).toMatch(/\nDriver qemu = healthy without KVM: a guest hung under \/dev\/kvm\n/);
  expect(plain.stdout).toMatch(/\ndriver\.qemu\.version +7\.2\.22\n|\ndriver\.qemu\.version += 7\.2\.22\n/);
  expect(plain.stdout).toEndWith("\nMeta\nrack = a1\n");
  expect(await api.run(["node", "status", "-self"])).toEqual(plain);
  expect(await api.run(["node", "status", NODE.id.slice(0, 8)])).toEqual(plain);
  expect(JSON.parse((await api.run(["node", "status", "-json"])).stdout)).toMatchObject({
    ID: NODE.id,
    Attributes: NODE.attributes,
  });
  expect(await api.run(["node", "status", "ffff"])).toMatchObject({
    code: 1,
    stderr: 'Error: no node\'s id begins with "ffff"\n',
  });
  // What no id can begin with the agent would refuse in words about its API.
  for (const name of ["self", ""]) {
    expect(await api.run(["node", "status", name])).toMatchObject({
      code: 1,
      stderr: `Error: no node's id begins with "${name}"\n`,
    });
  }
});

test("node status shows what is allocated of what is not reserved, and the networks of the host", async () => {
  await using api = serveCliApi();
  api.agent.put({
    job: jobRecord(),
    allocation: allocation({ resources: { cpu: 500, cores: 0, memory: 256, disk: 300 } }),
  });
  const over = { id: "2a000000-0000-4000-8000-000000000000", tasks: { vm: taskRecord(ended(CRASHED)) } };
  api.agent.put({ allocation: allocation(over) });
  const plain = (await api.run(["node", "status"])).stdout;
  expect(plain).toContain(
    "\nAllocated Resources\nCPU            Memory         Disk\n500/19200 MHz  256 MiB/8 GiB  300 MiB/100 GiB\n\nAttributes",
  );
  const network = { name: "lan", address: "10.0.0.7", interface: "eth1", missing: "", reservedPorts: [] };
  const { hostNetworks } = capacity();
  const reserved = { cpu: 200, cores: 0, memory: 4096, disk: 0 };
  Object.assign(api.agent, {
    node: { ...NODE, capacity: capacity({ reserved, hostNetworks: [...hostNetworks, network] }) },
  });
  const kept = (await api.run(["node", "status"])).stdout;
  expect(kept).toContain("\n500/19000 MHz  256 MiB/4 GiB  300 MiB/100 GiB\n");
  expect(kept).toContain("\nReserved for the host: 200 MHz, 4 GiB memory, 0 B disk\n");
  expect(kept).toMatch(/\nHost networks\ndefault += 0\.0\.0\.0\nlan += 10\.0\.0\.7\n/);
});
