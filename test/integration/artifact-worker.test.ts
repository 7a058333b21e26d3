import { describe, expect, test } from "bun:test";
import { readdirSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { artifactBench, BODY, byCache, sum } from "../helpers/artifact.ts";
import { startRaw } from "../helpers/raw-server.ts";
import { refusal } from "../helpers/refusal.ts";
import { runProgram } from "../helpers/run.ts";
import { until } from "../helpers/until.ts";

const here = artifactBench();
const { getByWorker, expectFailure, plan } = here;

describe("cancelling", () => {
  test("in the middle of a body ends the download and the connection, and leaves nothing", async () => {
    here.origin.set("/x", { kind: "slow", body: BODY, chunk: 100, every: 10 });
    const cancel = new AbortController();
    const options = { signal: cancel.signal, onProgress: () => cancel.abort() };
    await expectFailure(getByWorker(here.origin.url("/x"), {}, options), "cancelled");
  });

  test("while the server says nothing", async () => {
    await using server = await startRaw("", true);
    const cancel = new AbortController();
    const promise = getByWorker(server.url, {}, { signal: cancel.signal });
    await until("the request", () => server.asked === 1);
    cancel.abort();
    await expectFailure(promise, "cancelled");
  });

  test("before it began fetches nothing", async () => {
    await expectFailure(getByWorker(here.origin.url("/a.img"), {}, { signal: AbortSignal.abort() }), "cancelled");
    expect(here.origin.requests).toHaveLength(0);
  });

  test("of a fast and endless body is heard", async () => {
    const chunk = Buffer.alloc(1 << 20);
    const endless = createServer((socket) => {
      const pump = (): void => {
        while (socket.write(chunk)) {}
      };
      socket.on("error", () => socket.destroy());
      socket.on("drain", pump);
      socket.once("data", () => {
        socket.write("HTTP/1.1 200 OK\r\n\r\n");
        pump();
      });
    });
    await new Promise<void>((resolve) => endless.listen(0, "127.0.0.1", resolve));
    try {
      const cancel = new AbortController();
      const options = { signal: cancel.signal, onProgress: () => cancel.abort() };
      await expectFailure(
        getByWorker(`http://127.0.0.1:${(endless.address() as AddressInfo).port}/x`, {}, options),
        "x: cancelled",
      );
    } finally {
      endless.close();
    }
  });
});

describe("the worker", () => {
  const dying = (): Worker => new Worker(new URL("./artifact/dying-worker.ts", import.meta.url).href);

  test.each(["exit", "throw"])("that dies by %s is an error, and its part file goes", async (how) => {
    const error = await expectFailure(
      getByWorker(here.origin.url(`/${how}`), {}, {}, dying),
      "the download's worker ended early",
    );
    expect(error.message).not.toContain("s3cret");
    expect(readdirSync(join(here.cache, "parts"))).toEqual([]);
  });

  test("that does not hear a cancellation is cut off", async () => {
    const cancel = new AbortController();
    const options = { signal: cancel.signal, onProgress: () => cancel.abort(), graceMillis: 100 };
    await expectFailure(getByWorker(here.origin.url("/deaf"), {}, options, dying), "it did not answer");
  });

  test("of one destination is one at a time", async () => {
    here.origin.set("/x", { kind: "stall", body: BODY, send: 10 });
    const cancel = new AbortController();
    const first = refusal(getByWorker(here.origin.url("/x"), {}, { signal: cancel.signal }));
    const second = await refusal(getByWorker(here.origin.url("/x")));
    expect(second.code).toBe("conflict");
    expect(second.message).toContain(`another artifact is being written to ${join(here.dirs.local, "x")}`);
    cancel.abort();
    await first;
    expect((await getByWorker(here.origin.url("/a.img?filename=x"))).bytes).toBe(100_000);
  });

  test("does not keep a process alive", async () => {
    const program = `
      const { acquire } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/artifact/acquire.ts"))});
      const { silentLog } = await import(${JSON.stringify(join(import.meta.dirname, "../../src/base/log.ts"))});
      const plan = JSON.parse(process.argv[1]);
      const by = JSON.parse(process.argv[2]);
      const signal = new AbortController().signal;
      const acquired = await acquire(plan, { signal, onProgress: () => {}, log: silentLog, ...by });
      console.log(acquired.bytes);`;
    const planned = JSON.stringify(plan(here.origin.url("/a.img"), {}));
    const { code, stdout } = await runProgram(
      [process.execPath, "-e", program, planned, JSON.stringify(byCache(here.dir.path))],
      { cwd: here.dir.path },
    );
    expect({ code, stdout }).toEqual({ code: 0, stdout: "100000\n" });
  });

  test("three at once do not disturb each other", async () => {
    const names = ["1", "2", "3"];
    for (const name of names) here.origin.set(`/${name}`, { kind: "bytes", body: BODY });
    const all = await Promise.all(
      names.map((name) => getByWorker(here.origin.url(`/${name}`), { destination: "local/new/deep" })),
    );
    expect(all.map(({ checksum }) => checksum)).toEqual(names.map(() => sum("sha256")));
    expect(readdirSync(join(here.dirs.local, "new/deep")).sort()).toEqual(names);
  });
});
