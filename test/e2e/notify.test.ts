import { expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { listenDatagrams } from "../helpers/datagrams.ts";
import { jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { tempDir } from "../helpers/temp.ts";
import { until } from "../helpers/until.ts";

for (const kind of ["path", "name without a file"] as const) {
  test(`a service manager at a ${kind} hears of readiness, machines, life and the end, and no machine hears of it`, async () => {
    await using dir = tempDir();
    const address = kind === "path" ? dir.file("notify") : `@${dir.path}`;
    await using manager = listenDatagrams(address);
    await using agent = await startImageAgent({ env: { NOTIFY_SOCKET: address, WATCHDOG_USEC: "400000" } });
    expect(await manager.awaitLine("READY=1")).toBe("READY=1\nSTATUS=0 machines running");
    const alive = () => manager.received().filter((message) => message === "WATCHDOG=1").length;
    await until("three signs of life", () => alive() >= 3);
    expect(await agent.run(["run", agent.jobFile(jobText({ image: agent.demoDisk() }))])).toMatchObject({ code: 0 });
    await manager.awaitLine("STATUS=1 machine running");
    const { Pid } = (await newest(agent)).vm.Paddock;
    const environment = readFileSync(`/proc/${Pid}/environ`, "utf8");
    expect(environment).not.toMatch(/NOTIFY|WATCHDOG/);
    expect(await agent.stop()).toBe(0);
    await manager.awaitLine("STOPPING=1");
    await agent.start();
    await until("the adopted machine to be told", () => manager.received().at(-1) === "WATCHDOG=1");
    expect(manager.received().filter((message) => message.startsWith("READY=1"))).toEqual([
      "READY=1\nSTATUS=0 machines running",
      "READY=1\nSTATUS=1 machine running",
    ]);
    expect(await agent.run(["stop", "demo"])).toMatchObject({ code: 0 });
    await until("the end of the machine to be told", () => manager.received().includes("STATUS=0 machines running"));
  });
}
