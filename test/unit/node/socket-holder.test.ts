import { expect, test } from "bun:test";
import { createConnection } from "node:net";
import { findListener } from "../../../src/node/socket-holder.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";
import { until } from "../../helpers/until.ts";

const temp = tempPerTest();

test("who listens on a socket is found, and whether somebody has stopped it", async () => {
  const path = temp.file("a socket");
  const script = 'require("node:net").createServer(() => {}).listen(process.argv[1], () => console.log("listens"))';
  await using child = Bun.spawn([process.execPath, "-e", script, path], { stdout: "pipe" });
  await child.stdout.getReader().read();
  expect(findListener(path)).toMatchObject({ pid: child.pid, state: expect.stringMatching(/^[RS]$/) });
  child.kill("SIGSTOP");
  await until("it to be stopped", () => findListener(path)?.state === "T");
  // Who only talks to it is not meant.
  const viewer = createConnection(path);
  expect(findListener(path)?.pid).toBe(child.pid);
  viewer.destroy();
  expect(findListener(temp.file("a"))).toBeUndefined();
  child.kill("SIGKILL");
  await child.exited;
  expect(findListener(path)).toBeUndefined();
});
