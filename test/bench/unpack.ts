import { createHash, randomBytes } from "node:crypto";
import { closeSync, createReadStream, ftruncateSync, mkdirSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";
import { demoImage } from "../../src/guest/demo-image.ts";
import { allocDir, cacheDir } from "../../src/paths.ts";
import { type ImageAgent, jobText, newest, startImageAgent } from "../helpers/jobs.ts";
import { type Nginx, startNginx } from "../helpers/nginx.ts";
import { runProgram } from "../helpers/run.ts";
import { until } from "../helpers/until.ts";
import { alternate, type Bench, type Figure, median } from "./bench.ts";
import { endJob, registration, submit, waitUntilSettled } from "./machines.ts";
import { readPeak, resetPeak } from "./proc.ts";

const ROUNDS = 3;

/** Of the disk image: data up to here, of which every other piece cannot be compressed, then a hole. */
const DATA_BYTES = 256 << 20;
const BYTES = 512 << 20;
const PIECE = 64 << 10;

interface Format {
  readonly file: string;
  /** Makes the archive in the directory that holds disk.img. */
  readonly pack: string;
  /** Unpacks it into the working directory, and brings it to the disk, as paddock does. */
  readonly plain: string;
}

/** Of all of them, beside the native tool. */
const BUDGET = { ratio: 1.1 };

const FORMATS: readonly Format[] = [
  { file: "disk.tar.gz", pack: "tar -czSf disk.tar.gz disk.img", plain: "tar -xzf $0/disk.tar.gz" },
  {
    file: "disk.tar.zst",
    pack: "tar --zstd -cSf disk.tar.zst disk.img",
    plain: "tar --zstd -xf $0/disk.tar.zst",
  },
  { file: "disk.zip", pack: "zip -q disk.zip disk.img", plain: "unzip -q $0/disk.zip" },
  { file: "disk.img.xz", pack: "xz -1 -k disk.img", plain: "xz -dc $0/disk.img.xz > disk.img" },
];

/** A disk image with a hole in it, unpacked from each kind of archive. */
export const unpack: Bench = {
  name: "unpack",
  run: async () => {
    await using nginx = await startNginx();
    writeImage(join(nginx.root, "disk.img"));
    for (const { pack } of FORMATS) await runOrThrow(["sh", "-c", pack], nginx.root);
    rmSync(join(nginx.root, "disk.img"));
    await using agent = await startImageAgent();
    await waitUntilSettled(agent);
    const figures: Figure[] = [];
    for (const format of FORMATS) figures.push(...(await measure(agent, nginx, format)));
    return figures;
  },
};

interface TimedEvent {
  readonly Type: string;
  /** Nanoseconds since 1970. */
  readonly Time: number;
  readonly DisplayMessage: string;
}

interface Unpacked {
  readonly seconds: number;
  /** Bytes. */
  readonly peak: number;
}

async function measure(agent: ImageAgent, nginx: Nginx, format: Format): Promise<readonly Figure[]> {
  const sha256 = await hashOf(join(nginx.root, format.file));
  const rounds = await alternate<"plain" | "paddock", Unpacked>(ROUNDS, {
    plain: () => byHand(agent, nginx, format),
    paddock: (round) => byJob(agent, nginx, format, sha256, round),
  });
  const [tool = ""] = format.plain.split(" ");
  const peak = Math.max(...rounds.paddock.map((each) => each.peak));
  return [
    {
      what: `${format.file} of 512 MiB, half of it a hole, unpacked (plain: ${tool}, then sync)`,
      unit: "s",
      plain: median(rounds.plain.map(({ seconds }) => seconds)),
      paddock: median(rounds.paddock.map(({ seconds }) => seconds)),
      budget: BUDGET,
    },
    { what: "agent meanwhile, most resident", unit: "MB", paddock: peak / 1e6, budget: { most: 90 } },
  ];
}

async function byHand(agent: ImageAgent, nginx: Nginx, { plain }: Format): Promise<Unpacked> {
  const dir = join(agent.dir, "by-hand");
  mkdirSync(dir);
  await runOrThrow(["sync"], dir);
  const begin = performance.now();
  await runOrThrow(["sh", "-c", `${plain} && sync disk.img`, nginx.root], dir);
  const seconds = (performance.now() - begin) / 1000;
  rmSync(dir, { recursive: true });
  return { seconds, peak: Number.NaN };
}

/**
 * By a job that finds the archive in the cache. One that is a compressed file and no more is kept there as what it holds, so its
 * entry goes each time, and the few bytes of it are fetched once more.
 */
async function byJob(
  agent: ImageAgent,
  nginx: Nginx,
  format: Format,
  sha256: string,
  round: number,
): Promise<Unpacked> {
  const id = `${format.file.replaceAll(".", "-")}-${round}`;
  const task = `artifact {
    source = "${nginx.url(`/${format.file}`)}"
    options {
      checksum = "sha256:${sha256}"
    }
  }`;
  await runOrThrow(["sync"], agent.dir);
  await resetPeak(agent.pid);
  await submit(agent, registration(jobText({ id, image: "local/disk.img", task })));
  const { allocId, seconds, peak } = await until(
    "the archive to be unpacked",
    async () => {
      const { id: allocId, vm } = await newest(agent, id);
      if (vm.State === "pending") return undefined;
      const times = (vm.Events as readonly TimedEvent[])
        .filter(({ Type }) => Type === "Downloading Artifacts")
        .map(({ Time }) => Time);
      const [begin, end] = times;
      if (begin === undefined || end === undefined)
        throw new Error(`it was not unpacked: ${JSON.stringify(vm.Events)}`);
      return { allocId, seconds: (end - begin) / 1e9, peak: readPeak(agent.pid) };
    },
    // Its events say when it was done. Each question is work for the agent: at 50 a second what they leave to its collector is several MB.
    { deadline: 120_000, every: 250 },
  );
  await endJob(agent, id);
  rmSync(allocDir(agent.dirs, allocId), { recursive: true, force: true });
  if (format.file.endsWith(".img.xz")) rmSync(cacheDir(agent.dirs), { recursive: true });
  return { seconds, peak };
}

/** The demo guest's boot sectors, then data, then the hole. */
function writeImage(path: string): void {
  const fd = openSync(path, "w");
  try {
    const text = Buffer.alloc(PIECE, "a machine that writes the same line again and again\n");
    for (let at = 0; at < DATA_BYTES; at += 2 * PIECE) {
      writeSync(fd, randomBytes(PIECE), 0, PIECE, at);
      writeSync(fd, text, 0, PIECE, at + PIECE);
    }
    writeSync(fd, demoImage(), 0, demoImage().length, 0);
    ftruncateSync(fd, BYTES);
  } finally {
    closeSync(fd);
  }
}

async function hashOf(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path)) hash.update(chunk);
  return hash.digest("hex");
}

async function runOrThrow(argv: readonly [string, ...string[]], cwd: string): Promise<void> {
  const { code, stderr } = await runProgram(argv, { deadline: 120_000, cwd });
  if (code !== 0) throw new Error(`${argv.join(" ")} exited with ${code}: ${stderr}`);
}
