import { expect, test } from "bun:test";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { apiSocket, machineSockets } from "../../src/paths.ts";
import { expectNoLeaks, findLeaks, snapshot } from "../helpers/leaks.ts";
import { startNginx } from "../helpers/nginx.ts";
import { startOrigin } from "../helpers/origin.ts";
import { freePort, portAnswers } from "../helpers/ports.ts";
import { isAlive } from "../helpers/processes.ts";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";
import { Hopeless, until } from "../helpers/until.ts";

async function thrownBy(promise: Promise<unknown>): Promise<Error> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("nothing was thrown");
}

test("a planted process, socket, machine directory and temporary name are found as leaks, and nothing once they are gone", async () => {
  await using dir = tempDir();
  const dirs = { dataDir: dir.file("data"), runDir: dir.file("run") };
  const machine = machineSockets(dirs, "1f2e3d4c-0000-4000-8000-000000000000", "vm");
  mkdirSync(machine.dir, { recursive: true });
  writeFileSync(join(dirs.runDir, "notes"), "not one of ours");
  const before = snapshot();
  const scope = { dir: dir.path, agent: dirs, before };

  const child = Bun.spawn(["sleep", "300"], { cwd: dir.path });
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(apiSocket(dirs), resolve));
  const stray = mkdtempSync(join(tmpdir(), "paddock-stray-"));
  await until("the planted process to have its own command line", () =>
    findLeaks(scope).some((l) => l.includes("sleep")),
  );
  const found = findLeaks(scope).sort();
  const error = await thrownBy(expectNoLeaks(scope, 50));

  child.kill("SIGKILL");
  await child.exited;
  await new Promise((resolve) => server.close(resolve));
  rmSync(apiSocket(dirs), { force: true });
  rmSync(machine.dir, { recursive: true });
  rmSync(stray, { recursive: true });

  const planted = [
    `process ${child.pid}: sleep 300`,
    `socket ${apiSocket(dirs)}`,
    `socket ${machine.dir}`,
    `temporary ${stray}`,
  ];
  expect(found).toEqual(planted.sort());
  expect(error.message).toContain(`process ${child.pid}: sleep 300`);
  await expectNoLeaks(scope);
  expect(isAlive(child.pid)).toBe(false);
});

test("a wait that fails names what it waited for and the last value", async () => {
  const error = await thrownBy(until("the moon to be blue", () => false, { deadline: 30, every: 5 }));
  expect(error.message).toBe("gave up after 30 ms waiting for the moon to be blue; last: false");
  const thrown = await thrownBy(
    until("the door", () => Promise.reject(new Error("locked")), { deadline: 30, every: 5 }),
  );
  expect(thrown.message).toBe("gave up after 30 ms waiting for the door; last: locked");
});

test("a wait gives the first value that is there, a zero too, and ends at once when it is hopeless", async () => {
  let calls = 0;
  expect(await until("the third call", () => (++calls < 3 ? undefined : 0), { every: 1 })).toBe(0);
  const check = () => {
    calls++;
    throw new Hopeless("the program has ended");
  };
  expect((await thrownBy(until("the impossible", check))).message).toBe("the program has ended");
  expect(calls).toBe(4);
});

test("a program that hangs is killed at its deadline, with what it printed in the error", async () => {
  const error = await thrownBy(runProgram(["sh", "-c", "echo so far; exec sleep 300"], { deadline: 300 }));
  expect(error.message).toContain("was killed after 300 ms");
  expect(error.message).toContain("so far");
});

test("a program's exit code, output and input pass through", async () => {
  const result = await runProgram(["sh", "-c", "cat; echo no >&2; exit 7"], { stdin: "hello" });
  expect(result).toEqual({ code: 7, signal: null, stdout: "hello", stderr: "no\n" });
});

test("the origin serves bytes, statuses, redirects and slow bodies, and counts what was asked", async () => {
  await using origin = await startOrigin({
    "/a": { kind: "bytes", body: "whole", headers: { etag: '"1"' } },
    "/moved": { kind: "redirect", to: "/a" },
    "/gone": { kind: "status", status: 410, body: "gone" },
    "/slow": { kind: "slow", body: "0123456789", chunk: 3, every: 5 },
  });
  const whole = await fetch(origin.url("/moved"));
  expect(await whole.text()).toBe("whole");
  expect(whole.headers.get("etag")).toBe('"1"');
  expect(await (await fetch(origin.url("/slow"))).text()).toBe("0123456789");
  expect((await fetch(origin.url("/gone"))).status).toBe(410);
  expect((await fetch(origin.url("/nothing"))).status).toBe(404);
  origin.set("/gone", { kind: "bytes", body: "back" });
  expect(await (await fetch(origin.url("/gone"), { headers: { "X-Test": "yes" } })).text()).toBe("back");
  expect([origin.count("/a"), origin.count("/gone"), origin.count("/never")]).toEqual([1, 2, 0]);
  expect(origin.requests.at(-1)?.headers["x-test"]).toBe("yes");
});

test("the origin can break off a body, let it stall and hang up", async () => {
  await using origin = await startOrigin({
    "/short": { kind: "short", body: "0123456789", send: 4 },
    "/stall": { kind: "stall", body: "0123456789", send: 4 },
    "/hang-up": { kind: "hang-up" },
  });
  const curl = (path: string) => runProgram(["curl", "-sS", "--max-time", "1", origin.url(path)]);
  // curl: 18 partial file, 28 timeout, 52 empty reply.
  expect(await curl("/short")).toMatchObject({ code: 18, stdout: "0123" });
  expect(await curl("/stall")).toMatchObject({ code: 28, stdout: "0123" });
  expect(await curl("/hang-up")).toMatchObject({ code: 52, stdout: "" });
});

test("nginx serves files of its directory on a port of its own and is gone afterwards", async () => {
  const before = snapshot();
  let port = await freePort();
  {
    await using nginx = await startNginx();
    port = nginx.port;
    writeFileSync(join(nginx.root, "image.bin"), "image");
    expect(await (await fetch(nginx.url("/image.bin"))).text()).toBe("image");
    expect((await fetch(nginx.url("/none"))).status).toBe(404);
    await until("two lines in the access log", () => nginx.accessLog().length === 2);
    expect(nginx.accessLog()[0]).toBe("GET /image.bin 200 5");
  }
  expect(await portAnswers(port)).toBe(false);
  await expectNoLeaks({ before });
});
