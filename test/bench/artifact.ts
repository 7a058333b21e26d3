import { createHash, randomBytes } from "node:crypto";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { demoImage } from "../../src/guest/demo-image.ts";
import { allocDir, cacheDir } from "../../src/paths.ts";
import { type ImageAgent, jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { type Nginx, startNginx } from "../helpers/nginx.ts";
import { runProgram } from "../helpers/run.ts";
import { until } from "../helpers/until.ts";
import { alternate, type Bench, median, percentile } from "./bench.ts";
import { endJob, registration, submit, waitUntilSettled } from "./machines.ts";
import { readPeak, resetPeak } from "./proc.ts";

const ROUNDS = 5;
const BYTES = 2 ** 30;

/** A disk image of a GiB, fetched over the loopback interface, proved by sha256 and booted. */
export const artifact: Bench = {
  name: "artifact",
  run: async () => {
    await using nginx = await startNginx();
    const sha256 = writeImage(join(nginx.root, "disk.img"));
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    const rounds = await alternate<"curl" | "aria2c" | "paddock" | "write", Fetched>(ROUNDS, {
      curl: () => fetchByHand(agent, (file) => fetchByCurl(file, nginx, sha256)),
      aria2c: () => fetchByHand(agent, (file) => fetchByAria2(file, nginx, sha256)),
      paddock: (round) => fetchByJob(agent, nginx, sha256, `fetch-${round}`),
      write: () => writeAlone(agent, nginx),
    });
    const of = (way: keyof typeof rounds, key: keyof Fetched): number => median(rounds[way].map((each) => each[key]));
    return [
      {
        what: "artifact of 1 GiB with sha256 (plain: curl, then sha256sum)",
        unit: "s",
        plain: of("curl", "seconds"),
        paddock: of("paddock", "seconds"),
        budget: { ratio: 0.45 },
      },
      {
        what: "the same (plain: aria2c, which checks the checksum itself)",
        unit: "s",
        plain: of("aria2c", "seconds"),
        paddock: of("paddock", "seconds"),
      },
      {
        what: "the same (plain: dd writes the file and syncs)",
        unit: "s",
        plain: of("write", "seconds"),
        paddock: of("paddock", "seconds"),
      },
      {
        what: "agent while it fetches, most resident",
        unit: "MB",
        paddock: of("paddock", "peak") / 1e6,
        budget: { most: 90 },
      },
      {
        what: "the same image again, from the cache to its place",
        unit: "s",
        paddock: of("paddock", "again"),
      },
      { what: "API request while it fetches, p99", unit: "ms", paddock: of("paddock", "lag"), budget: { most: 10 } },
    ];
  },
};

interface Fetched {
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
  /** Milliseconds. */
  readonly lag: number;
  /** Seconds that a second job took for the same image. */
  readonly again: number;
}

/** The demo guest's boot sectors, then bytes that nobody can compress or leave out. @returns the sha256 in hex. */
function writeImage(path: string): string {
  const hash = createHash("sha256");
  const block = randomBytes(16 << 20);
  const fd = openSync(path, "w");
  try {
    for (let written = 0; written < BYTES; written += block.length) {
      block.set(written === 0 ? demoImage() : randomBytes(64));
      hash.update(block);
      writeSync(fd, block);
    }
  } finally {
    closeSync(fd);
  }
  return hash.digest("hex");
}

async function fetchByHand(agent: ImageAgent, fetchTo: (file: string) => Promise<void>): Promise<Fetched> {
  const file = join(agent.dir, "by-hand.img");
  await settleDisk();
  const begin = performance.now();
  await fetchTo(file);
  const seconds = (performance.now() - begin) / 1000;
  rmSync(file);
  return { seconds, peak: Number.NaN, lag: Number.NaN, again: Number.NaN };
}

async function fetchByCurl(file: string, nginx: Nginx, sha256: string): Promise<void> {
  await runOrThrow(["curl", "-sS", "-f", "-o", file, nginx.url("/disk.img")]);
  const sum = await runOrThrow(["sha256sum", file]);
  if (!sum.startsWith(sha256)) throw new Error("curl fetched other bytes");
}

/** Over as many connections as an agent may use; it fails by itself for other bytes. */
async function fetchByAria2(file: string, nginx: Nginx, sha256: string): Promise<void> {
  const options = ["--quiet", "--no-conf", "--split=4", "--max-connection-per-server=4", "--file-allocation=none"];
  const to = [`--dir=${dirname(file)}`, `--out=${basename(file)}`];
  await runOrThrow(["aria2c", ...options, ...to, `--checksum=sha-256=${sha256}`, nginx.url("/disk.img")]);
}

/** Has a job fetch the image, and another one take it from the cache, which is empty before and afterwards. */
async function fetchByJob(agent: ImageAgent, nginx: Nginx, sha256: string, id: string): Promise<Fetched> {
  const first = await runJob(agent, nginx, sha256, id);
  const second = await runJob(agent, nginx, sha256, `${id}-again`);
  rmSync(cacheDir(agent.dirs), { recursive: true });
  return { ...first, again: second.seconds };
}

async function runJob(agent: ImageAgent, nginx: Nginx, sha256: string, id: string): Promise<Omit<Fetched, "again">> {
  const task = `artifact {
    source = "${nginx.url("/disk.img")}"
    options {
      checksum = "sha256:${sha256}"
    }
  }`;
  const body = registration(jobText({ id, image: "local/disk.img", task }));
  await settleDisk();
  await resetPeak(agent.pid);
  await submit(agent, body);
  const lags: number[] = [];
  const machine = await until(
    "the image to be fetched",
    async () => {
      const begin = performance.now();
      const { id: allocId, vm } = await newest(agent, id);
      lags.push(performance.now() - begin);
      if (vm.State === "pending") return undefined;
      return { allocId, events: vm.Events as readonly TimedEvent[], peak: readPeak(agent.pid) };
    },
    { deadline: 120_000, every: 20 },
  );
  await endJob(agent, id);
  rmSync(allocDir(agent.dirs, machine.allocId), { recursive: true, force: true });
  return { seconds: fetchSeconds(machine.events), peak: machine.peak, lag: percentile(lags, 99) };
}

interface TimedEvent {
  readonly Type: string;
  /** Nanoseconds since 1970. */
  readonly Time: number;
  readonly DisplayMessage: string;
}

/** From the event that says the download begins to the one that says the file is proved and has its name. */
function fetchSeconds(events: readonly TimedEvent[]): number {
  const times = events.filter(({ Type }) => Type === "Downloading Artifacts").map(({ Time }) => Time);
  const [begin, end] = times;
  if (begin === undefined || end === undefined) {
    throw new Error(`the image was not fetched: ${events.map(({ DisplayMessage }) => DisplayMessage).join("; ")}`);
  }
  return (end - begin) / 1e9;
}

/** The least that any download costs: the bytes on the disk. */
async function writeAlone(agent: ImageAgent, nginx: Nginx): Promise<Fetched> {
  const file = join(agent.dir, "written.img");
  await settleDisk();
  const begin = performance.now();
  await runOrThrow(["dd", `if=${join(nginx.root, "disk.img")}`, `of=${file}`, "bs=1M", "conv=fsync", "status=none"]);
  const seconds = (performance.now() - begin) / 1000;
  rmSync(file);
  return { seconds, peak: Number.NaN, lag: Number.NaN, again: Number.NaN };
}

/** What an earlier round left to be written must not be this one's burden. */
async function settleDisk(): Promise<void> {
  await runOrThrow(["sync"]);
}

async function runOrThrow(argv: readonly [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await runProgram(argv, { deadline: 120_000 });
  if (code !== 0) throw new Error(`${argv.join(" ")} exited with ${code}: ${stderr}`);
  return stdout;
}
