import { expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import type { ConsoleRequest } from "../../src/agent/consoles.ts";
import type { Seat } from "../../src/console/console.ts";
import { readLogIndex } from "../../src/paths.ts";
import { countNumbers, makeCounterDisk } from "../guests/counter.ts";
import { agentPerTest } from "../helpers/agent-per-test.ts";
import { demoJob, idOf, imagesDir, machineOf, writeDemoDisk } from "../helpers/in-process-agent.ts";
import { patiently, until } from "../helpers/until.ts";
import { CTRL_D_OFTEN } from "../helpers/victim.ts";
import { type TestViewer, testViewer } from "../helpers/viewer.ts";

setDefaultTimeout(200_000);

const bed = agentPerTest(false);
let id: string;

async function run(maxLogBytes: number, more: Parameters<typeof demoJob>[1] = {}, disk?: string): Promise<number> {
  await bed.start({ maxLogBytes });
  await bed.agent.registerJob(demoJob(disk ?? writeDemoDisk(bed.dir.path), more), null, {});
  const { identity } = await machineOf(bed.agent, "running");
  id = idOf(bed.agent);
  return identity.pid;
}

type Joined = TestViewer & { readonly type: (text: string) => void; readonly seat: Seat };

function join(wish: Partial<ConsoleRequest> = {}): Joined {
  const viewer = testViewer();
  const seat = bed.agent.openConsole(id, "vm", { readOnly: false, lines: 50, ...wish })(viewer);
  return Object.assign(viewer, { seat, type: (text: string) => seat.input(Buffer.from(text)) });
}

/** Types a word until it is echoed: the firmware, which has not gone altogether, takes some of the first keys. */
async function echo(typing: Joined, word: string, ...seeing: Joined[]): Promise<void> {
  const seen = () => [typing, ...seeing].every(({ text }) => text.includes(word));
  const check = () => seen() || typing.type(word);
  await patiently(`the echo of ${word}`, check, 300);
}

const logs = "logs {\n max_files = 100\n max_file_size = 1\n }";
const logFiles = () =>
  readdirSync(bed.dir.file("data", "alloc", id, "alloc", "logs"))
    .flatMap((name) => readLogIndex(name, "vm", "stdout") ?? [])
    .sort((a, b) => a - b);
const wholeLog = () =>
  logFiles()
    .map((index) => readFileSync(bed.dir.file("data", "alloc", id, "alloc", "logs", `vm.stdout.${index}`), "latin1"))
    .join("");

async function rotate(): Promise<void> {
  const wanted = logFiles().length + 1;
  await patiently("a rotation", async () => {
    await bed.running.lookAtLogs();
    return logFiles().length >= wanted;
  });
}

test("viewers of a guest that writes for ever and type see every byte once over rotations, and the log has every byte once", async () => {
  const disk = `${imagesDir(bed.dir.path)}/counter.img`;
  writeDemoDisk(bed.dir.path);
  makeCounterDisk(disk);
  const pid = await run(24 << 10, { task: logs }, disk);
  const [one, other] = [join(), join({ readOnly: true })];
  const begin = one.text.length;
  for (let times = 0; times < 5; times++) {
    one.type("x");
    await rotate();
  }
  process.kill(pid, "SIGKILL");
  await patiently("the end", () => one.ended !== undefined && other.ended !== undefined);
  const whole = wholeLog();
  expect(countNumbers(whole)).toBeGreaterThan((5 * (24 << 10)) / 9);
  for (const { text } of [one, other]) expect(whole.endsWith(text.slice(begin))).toBe(true);
  expect(one.text.length - begin).toBeGreaterThan(4 * (24 << 10));
  expect(one.frames.filter(({ Type }) => Type === "skipped")).toEqual([]);
});

test("what several viewers type reaches the guest before and behind a rotation, and all see the answers", async () => {
  await run(512, { task: logs });
  const [one, other] = [join(), join({ lines: 0 })];
  await patiently("the guest", () => one.text.includes("^D off"));
  await echo(one, "marco", other);
  for (let times = 0; times < 60; times++) one.type("........*");
  await rotate();
  // The guest itself misses one now and then.
  await patiently("the echoes", () => one.text.split("*").length > 50);
  await echo(other, "polo", one);
  expect(other.frames.filter(({ Type }) => Type === "lost")).toEqual([]);
});

test("a guest that waits for somebody at its socket who reads nothing goes on when its log is rotated", async () => {
  const disk = `${imagesDir(bed.dir.path)}/counter.img`;
  writeDemoDisk(bed.dir.path);
  makeCounterDisk(disk);
  await run(2 << 10, { task: logs }, disk);
  await patiently("the counter", () => wholeLog().length > 4 << 10);
  const [machine = ""] = readdirSync(bed.dir.file("run"));
  const stranger = connect(bed.dir.file("run", machine, "serial.sock")).pause();
  try {
    let length = -1;
    const standsStill = () => {
      const before = length;
      length = wholeLog().length;
      return length === before;
    };
    // What is between the two takes some hundred KiB, which on a busy host take it a while.
    await until("the guest to stand still", standsStill, { deadline: 90_000, every: 200 });
    const before = wholeLog().length;
    await rotate();
    await patiently("the guest to write on", () => wholeLog().length > before + (8 << 10));
  } finally {
    stranger.destroy();
  }
});

test("a viewer stays while its machine is started again", async () => {
  const restart = 'attempts = 1\n interval = "1h"\n delay = "50ms"\n mode = "fail"';
  const pid = await run(1 << 20, { restart });
  const viewer = join();
  await patiently("the guest", () => viewer.text.includes("boot=1"));
  await echo(viewer, "one");
  process.kill(pid, "SIGKILL");
  await patiently("the guest's next start", () => viewer.text.includes("boot=2"));
  const words = viewer.frames.flatMap((frame) => (frame.Type === "machine" ? [frame.Machine] : []));
  expect(words[0]).toBe("backoff");
  expect(words).toContain("running");
  await echo(viewer, "two");
});

test("a console is there where the job keeps no serial log, without scrollback", async () => {
  await run(1 << 20, { task: "logs {\n disabled = true\n }" });
  const viewer = join();
  expect(viewer.frames[0]).toMatchObject({ Type: "hello", Logged: false });
  await patiently("the guest", () => viewer.text.includes("tick"));
  await echo(viewer, "hello");
  viewer.type(CTRL_D_OFTEN);
  await patiently("the end", () => viewer.ended !== undefined);
  expect(viewer.text).toContain("power off");
  expect(wholeLog()).toBe("");
});

test("there is none where args took the serial port, and of a machine that has ended, and why is said", async () => {
  const pid = await run(1 << 20, { config: 'args = ["-serial", "null"]' });
  expect(() => join()).toThrow("there is no console: args bring a serial port of their own (-serial null)");
  process.kill(pid, "SIGKILL");
  await machineOf(bed.agent, "ended");
  expect(() => join()).toThrow(/^the machine has ended: /);
});

test("a machine has no more than 32 viewers", async () => {
  await run(1 << 20);
  const viewers = Array.from({ length: 32 }, () => join({ readOnly: true }));
  expect(() => join()).toThrow("has 32 viewers already");
  viewers[0]?.seat.leave();
  expect(join().frames[0]).toMatchObject({ Viewers: 32 });
});
