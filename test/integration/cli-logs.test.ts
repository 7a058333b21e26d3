import { expect, test } from "bun:test";
import { formatStamp } from "../../src/cli/terminal/time.ts";
import { runInProcess } from "../helpers/cli.ts";
import type { CliApi } from "../helpers/cli-api.ts";
import { inState, quiet, withRunningJob } from "../helpers/cli-job.ts";
import { ended, GRACEFUL, PLAN } from "../helpers/records.ts";
import { turn } from "../helpers/turn.ts";
import { until } from "../helpers/until.ts";

/** A log of so many lines, of which only what is asked for is sent. */
function withLog(api: CliApi, bytes: Uint8Array): void {
  Object.assign(api.agent, {
    readLog: async function* (_id: string, _task: string, { origin, offset }: { origin: string; offset: number }) {
      const start = origin === "end" ? Math.max(0, bytes.length - offset) : offset;
      for (let at = start; at < bytes.length; at += 50_000) {
        yield {
          file: "alloc/logs/vm.stdout.0",
          offset: at,
          data: bytes.subarray(at, Math.min(at + 50_000, bytes.length)),
        };
      }
    },
  });
}

const LINES = Array.from({ length: 20_000 }, (_, at) => `line ${at}\n`);

for (const [args, wanted] of [
  [[], LINES],
  [["-tail"], LINES.slice(-10)],
  [["-n", "3"], LINES.slice(-3)],
  [["-tail", "-n=1"], LINES.slice(-1)],
  [["-n", "0"], []],
  [["-n", "15000"], LINES.slice(-15_000)],
  [["-n", "99999"], LINES],
  [["-c", "11"], LINES.slice(-1)],
  [["-c", "22", "-tail", "-f"], LINES.slice(-2)],
  [["-c", "0"], []],
] as const) {
  test(`logs ${args.join(" ") || "without flags"} prints ${wanted.length} lines`, async () => {
    await using api = withRunningJob();
    withLog(api, Buffer.from(LINES.join("")));
    expect(await api.run(["logs", ...args, "web"])).toEqual({ ...quiet, stdout: wanted.join("") });
  });
}

test("logs -f -n goes on behind the last lines, and leaves none out and repeats none", async () => {
  await using api = withRunningJob();
  withLog(api, Buffer.from(LINES.join("")));
  expect((await api.run(["logs", "-f", "-n", "2", "web"])).stdout).toBe(LINES.slice(-2).join(""));
});

test("logs -f -n goes on in the file and at the byte where the last lines ended, whatever is rotated meanwhile", async () => {
  await using api = withRunningJob();
  const asked: unknown[] = [];
  Object.assign(api.agent, {
    readLog: async function* (_id: string, _task: string, { signal: _signal, ...query }: { signal: AbortSignal }) {
      asked.push(query);
      if (asked.length > 1) return;
      yield { file: "alloc/logs/vm.stdout.6", offset: 96, data: Buffer.from("one\n") };
      yield { file: "alloc/logs/vm.stdout.7", offset: 0, data: Buffer.from("two\n") };
    },
  });
  expect((await api.run(["logs", "-f", "-n", "1", "web"])).stdout).toBe("two\n");
  expect(asked[1]).toMatchObject({ follow: true, origin: "start", file: "alloc/logs/vm.stdout.7", offset: 4 });
});

/** A log in two pieces, the second of which begins in the middle of a line. */
function withTimedLog(api: CliApi): Record<string, unknown>[] {
  const asked: Record<string, unknown>[] = [];
  const [first, second] = [Date.parse("2026-03-01T14:05:09Z"), Date.parse("2026-03-01T14:05:12Z")];
  Object.assign(api.agent, {
    readLog: async function* (_id: string, _task: string, { signal: _signal, ...query }: { signal: AbortSignal }) {
      asked.push(query);
      const file = "alloc/logs/vm.stdout.0";
      yield { file, offset: 0, data: Buffer.from("one\ntw"), time: first, inferred: true };
      yield { file, offset: 6, data: Buffer.from("o\n\u001b[1mthree\r\n"), time: second, inferred: false };
    },
  });
  return asked;
}

test("logs -timestamps says when each line began to be written, and marks what is inferred", async () => {
  await using api = withRunningJob();
  withTimedLog(api);
  const [first, second] = ["2026-03-01T14:05:09Z", "2026-03-01T14:05:12Z"].map((at) =>
    formatStamp(Date.parse(at) * 1e6),
  );
  const piped = await api.run(["logs", "-timestamps", "web"]);
  expect(piped).toEqual({ ...quiet, stdout: `~${first} one\n~${first} two\n${second} \u001b[1mthree\r\n` });
  const seen = await api.run(["logs", "-timestamps", "-n", "2", "web"], { columns: 80 });
  expect(seen.stdout).toBe(`~${first} two\n${second} three\n`);
});

test("logs -since and -until ask for a time, and it is said when nobody kept when the log was written", async () => {
  await using api = withRunningJob();
  const asked = withTimedLog(api);
  api.agent.logTimes = false;
  const before = Date.now();
  const result = await api.run(["logs", "-since", "10m", "-until", "2026-03-01T14:05:09Z", "web"]);
  expect(result.stderr).toBe("==> when this log was written was not kept; its times are those of its files\n");
  expect(asked[0]).toMatchObject({ until: Date.parse("2026-03-01T14:05:09Z"), timestamps: false });
  expect(Math.abs(Number(asked[0]?.["since"]) - (before - 600_000))).toBeLessThan(60_000);
});

for (const [args, message] of [
  [["-since", "yesterday"], 'flag -since: expected a time, found "yesterday"'],
  [["-since", "1h", "-n", "3"], "flags -n, -c and -tail: expected alone, without -since and -until"],
  [["-stderr", "-stdout"], "flags -stderr and -stdout: expected one of them, found both"],
  [["-f", "-until", "14:05"], "flag -until: expected without -f, which follows what is written from now on"],
] as const) {
  test(`logs ${args.join(" ")} is refused before anybody is asked`, async () => {
    const { code, stderr } = await runInProcess(["logs", ...args, "web"]);
    expect(code).toBe(1);
    expect(stderr).toStartWith(`Error: ${message}\n`);
  });
}

test("logs says so where the job has disabled them", async () => {
  await using api = withRunningJob();
  api.agent.put({ plan: { ...PLAN, serial: { ours: true, disabled: true } } });
  const { stderr } = await api.run(["logs", "web"]);
  expect(stderr).toBe("==> the job has logs { disabled = true }: this log has only what QEMU itself prints\n");
});

test("an empty line is a line, also the first of all", async () => {
  await using api = withRunningJob();
  withLog(api, Buffer.from("\n\none\n\n\n"));
  expect((await api.run(["logs", "-n", "3", "web"])).stdout).toBe("one\n\n\n");
  expect((await api.run(["logs", "-n", "5", "web"])).stdout).toBe("\n\none\n\n\n");
  expect((await api.run(["logs", "-n", "9", "web"])).stdout).toBe("\n\none\n\n\n");
});

test("the last line counts also without a line end", async () => {
  await using api = withRunningJob();
  withLog(api, Buffer.from("one\ntwo\nlogin: "));
  expect((await api.run(["logs", "-n", "2", "web"])).stdout).toBe("two\nlogin: ");
});

test("logs passes bytes into a pipe as they are, and makes them harmless on a terminal", async () => {
  await using api = withRunningJob();
  api.agent.log.append(Buffer.from("\u001b]0;x\u0007\r\n\u001b[31mred\r\n"));
  expect((await api.run(["logs", "web"])).stdout).toBe("\u001b]0;x\u0007\r\n\u001b[31mred\r\n");
  expect((await api.run(["alloc", "logs", "1f6a"], { columns: 80 })).stdout).toBe("\\x1b]0;x\\x07\nred\n");
  expect(api.agent.log.asked.map(({ type }) => type)).toEqual(["stdout", "stdout"]);
  await api.run(["logs", "-stderr", "web"]);
  expect(api.agent.log.asked.at(-1)).toMatchObject({ type: "stderr", follow: false });
});

test("logs -f goes on until the machine has ended, and says how", async () => {
  await using api = withRunningJob();
  api.agent.log.append("one\n");
  const running = api.run(["logs", "-f", "web"]);
  await until("somebody to follow the log", () => api.agent.log.readers === 1);
  api.agent.log.append("two\n");
  api.agent.put({ allocation: inState(ended(GRACEFUL)) });
  api.agent.log.end();
  expect(await running).toEqual({
    code: 0,
    stdout: "one\ntwo\n",
    stderr: "==> the machine has ended: the guest powered off\n",
  });
});

test("Ctrl-C ends a followed log quietly with 130", async () => {
  await using api = withRunningJob();
  api.agent.log.append("one\n");
  const cli = api.spawn(["logs", "-f", "web"]);
  const reader = cli.stdout.getReader();
  expect(Buffer.from((await reader.read()).value ?? []).toString()).toBe("one\n");
  cli.kill("SIGINT");
  expect(await cli.ended()).toEqual({ code: 130, stderr: "" });
  await until("the log to be let go", () => api.agent.log.readers === 0);
});

test("a reader that has enough ends a followed log quietly", async () => {
  await using api = withRunningJob();
  const cli = api.spawn(["logs", "-f", "web"]);
  await until("somebody to follow the log", () => api.agent.log.readers === 1);
  await cli.stdout.cancel();
  const ending = cli.ended();
  const feed = () => {
    api.agent.log.append("more\n");
    return Promise.race([ending, turn()]);
  };
  expect(await until("its end", feed)).toEqual({ code: 0, stderr: "" });
});

for (const [args, wanted] of [
  [["-job", "web"], 0],
  [["-job", "web", "vm"], 0],
  [["-job", "-task", "vm", "-verbose", "web"], 0],
  [["-task", "vm", "1f6a0b1c", "vm"], 0],
  [["-job", "db"], 'no job or allocation is called "db"'],
  [["-job", "1f6a0b1c"], '"1f6a0b1c" is a part of job "web", not a job'],
  [["-task", "db", "1f6a0b1c"], "db"],
  [["-task", "db", "1f6a0b1c", "vm"], 'flag -task: expected "vm" as the operand says'],
  [["-n", "1", "-c", "1", "1f6a0b1c"], "flags -n and -c: expected one of them, found both"],
] as const) {
  test(`alloc logs ${args.join(" ")} ${wanted === 0 ? "prints the log" : "is refused"}`, async () => {
    await using api = withRunningJob();
    withLog(api, Buffer.from("hello\n"));
    const result = await api.run(["alloc", "logs", ...args]);
    if (wanted === 0) expect(result).toEqual({ ...quiet, stdout: "hello\n" });
    else {
      expect(result).toMatchObject({ code: 1, stdout: "" });
      expect(result.stderr).toContain(wanted);
    }
  });
}
