import { describe, expect, test } from "bun:test";
import { silentLog } from "../../src/base/log.ts";
import { connectQmp, type QmpClient } from "../../src/qmp/client.ts";
import { cont, queryStatus, quit, systemPowerdown } from "../../src/qmp/commands.ts";
import { QmpError } from "../../src/qmp/errors.ts";
import { type Machine, startMachine } from "../helpers/machine.ts";
import { until } from "../helpers/until.ts";

interface Held {
  readonly client: QmpClient;
  readonly events: string[];
  readonly closed: Promise<string>;
}

async function hold(machine: Machine): Promise<Held> {
  const events: string[] = [];
  const { promise: closed, resolve: onClose } = Promise.withResolvers<string>();
  const client = await connectQmp(machine.sockets.qmp, {
    deadlineMillis: 10_000,
    log: silentLog,
    onEvent: ({ name, data }) => events.push("reason" in data ? `${name} ${data["reason"]}` : name),
    onClose,
  });
  return { client, events, closed };
}

/** Presses the button until the guest hears it: a press before its system has enabled the button is lost. */
async function powerDown(machine: Machine, client: QmpClient): Promise<number> {
  await until("the guest to go down", async () => {
    if (!client.closed) await systemPowerdown(client, 2_000).catch(() => undefined);
    return client.closed;
  });
  return machine.exited;
}

describe("a monitor that is held from the spawn on", () => {
  test("sees the guest go down by the power button, and so does the journal", async () => {
    await using machine = await startMachine();
    const { client, events, closed } = await hold(machine);
    await machine.banner();
    expect(await queryStatus(client, 2_000)).toEqual({ status: "running", running: true });
    expect(await powerDown(machine, client)).toBe(0);
    expect(await closed).toContain("QEMU closed the monitor");
    expect(events).toContain("POWERDOWN");
    expect(events.at(-1)).toBe("SHUTDOWN guest-shutdown");
    const journal = machine.journal();
    expect(journal.map(({ name }) => name)).toEqual(expect.arrayContaining(["POWERDOWN", "SHUTDOWN"]));
    expect(journal.at(-1)?.data).toMatchObject({ guest: true, reason: "guest-shutdown" });
    expect(Math.abs(Date.now() - (journal.at(-1)?.at ?? 0))).toBeLessThan(60_000);
  });

  test("ends QEMU by quit, and the journal tells it from a guest's own end", async () => {
    await using machine = await startMachine();
    const { client } = await hold(machine);
    await quit(client, 2_000);
    expect(await machine.exited).toBe(0);
    expect(machine.journal().at(-1)?.data["reason"]).toBe("host-qmp-quit");
  });

  test("starts a machine that -S holds back", async () => {
    await using machine = await startMachine({ change: { config: { args: ["-S"] } } });
    const { client, events } = await hold(machine);
    expect(await queryStatus(client, 2_000)).toEqual({ status: "prelaunch", running: false });
    expect(machine.serial()).toBe("");
    await cont(client, 2_000);
    await machine.banner();
    expect(events).toContain("RESUME");
  });

  test("sees a guest that is down under -no-shutdown while QEMU lives on", async () => {
    await using machine = await startMachine({ change: { config: { args: ["-no-shutdown"] } } });
    const { client, events } = await hold(machine);
    await machine.banner();
    await until("the SHUTDOWN event", async () => {
      await systemPowerdown(client, 2_000);
      return events.includes("SHUTDOWN guest-shutdown");
    });
    expect((await queryStatus(client, 2_000)).status).toBe("shutdown");
    await quit(client, 2_000);
    expect(await machine.exited).toBe(0);
    const reasons = machine.journal().flatMap(({ name, data }) => (name === "SHUTDOWN" ? [data["reason"]] : []));
    expect(reasons[0]).toBe("guest-shutdown");
  });

  test("gets QEMU's own words for what it refuses", async () => {
    await using machine = await startMachine();
    const { client } = await hold(machine);
    const error = await client
      .execute("no-such-command", undefined, { deadlineMillis: 2_000 })
      .catch((e: unknown) => e);
    if (!(error instanceof QmpError)) throw new Error("expected a QmpError");
    expect(error.errorClass).toBe("CommandNotFound");
    expect(error.message).toContain("no-such-command has not been found");
  });

  test("keeps a second client waiting, which gives up in time", async () => {
    await using machine = await startMachine();
    const { client } = await hold(machine);
    const second = connectQmp(machine.sockets.qmp, {
      deadlineMillis: 200,
      log: silentLog,
      onEvent: () => undefined,
      onClose: () => undefined,
    });
    await expect(second).rejects.toThrow("greeting: no answer");
    expect((await queryStatus(client, 2_000)).running).toBe(true);
  });

  test("can be taken over by the next agent after this one dropped it", async () => {
    await using machine = await startMachine();
    const first = await hold(machine);
    first.client.close();
    const { client } = await hold(machine);
    await machine.banner();
    expect(await powerDown(machine, client)).toBe(0);
  });
});

test("SIGKILL closes the monitor and leaves a journal without a reason", async () => {
  await using machine = await startMachine();
  const { closed } = await hold(machine);
  await machine.banner();
  process.kill(machine.pid, "SIGKILL");
  await closed;
  expect(machine.journal().map(({ name }) => name)).not.toContain("SHUTDOWN");
});
