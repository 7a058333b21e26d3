import { existsSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ImageAgent, jobText, startImageAgent } from "../helpers/jobs.ts";
import { tempDir } from "../helpers/temp.ts";
import { alternate, type Bench, type Figure, median } from "./bench.ts";
import {
  type Boot,
  demoJobFile,
  endJob,
  newConsole,
  registration,
  submit,
  waitUntilSettled,
  watchBoot,
} from "./machines.ts";

const ROUNDS = 15;

const LIKE_FOR_LIKE =
  "by hand with -nographic: the firmware speaks on the serial port there too, so the first byte is the same";

/** From a job that is handed in to the guest's first byte on its serial port. */
export const start: Bench = {
  name: "start",
  run: async () => {
    await using run = tempDir(memoryDir());
    await using agent = await startImageAgent({ runDir: run.file("run") });
    await waitUntilSettled(agent);
    const rounds = await alternate<"hand" | "api" | "cli", Start>(ROUNDS, {
      hand: () => startByHand(agent),
      api: (round) => startByApi(agent, `api-${round}`),
      cli: (round) => startByCli(agent, `cli-${round}`),
    });
    const of = (way: keyof typeof rounds, key: keyof Start): number => median(rounds[way].map((each) => each[key]));
    const against = (what: string, way: "api" | "cli", key: "firstByte" | "banner"): Figure => ({
      what,
      unit: "ms",
      plain: of("hand", key),
      paddock: of(way, key),
    });
    return [
      {
        ...against("API request to first serial byte", "api", "firstByte"),
        budget: { ratio: 1.15 },
        note: LIKE_FOR_LIKE,
      },
      { ...against("start of the CLI to first serial byte", "cli", "firstByte"), budget: { ratio: 1.3 } },
      against("API request to the guest's own first words", "api", "banner"),
      against("start of the CLI to the guest's own first words", "cli", "banner"),
      { what: "API request answered", unit: "ms", paddock: of("api", "returned") },
      { what: "the CLI returns", unit: "ms", paddock: of("cli", "returned") },
    ];
  },
};

/** `/run`, where sockets are unless somebody says otherwise, is in memory on the hosts that paddock is for, if not on this one. */
function memoryDir(): string {
  const place = "/dev/shm";
  return existsSync(place) && statfsSync(place).type === TMPFS ? place : tmpdir();
}

/** `TMPFS_MAGIC` of statfs(2). */
const TMPFS = 0x01021994;

interface Start extends Boot {
  /** Milliseconds until the command that started it has ended, or the request was answered. */
  readonly returned: number;
}

/** What people type without paddock: the same machine, disk and serial port, none of our monitors, journal and sandbox. */
async function startByHand(agent: ImageAgent): Promise<Start> {
  const serial = join(agent.dir, "by-hand.serial");
  rmSync(serial, { force: true });
  const drive = `file=${agent.demoDisk("by-hand.img")},if=ide,format=raw`;
  const machine = ["-machine", "type=pc,accel=tcg", "-m", "128M", "-drive", drive];
  const console = ["-nographic", "-monitor", "none", "-serial", `file:${serial}`];
  const begin = performance.now();
  const child = Bun.spawn(["qemu-system-x86_64", ...machine, ...console], { stdio: ["ignore", "ignore", "ignore"] });
  try {
    return { ...(await watchBoot(begin, () => serial)), returned: Number.NaN };
  } finally {
    child.kill("SIGKILL");
    await child.exited;
  }
}

async function startByApi(agent: ImageAgent, id: string): Promise<Start> {
  const body = registration(jobText({ id, image: agent.demoDisk() }));
  const find = newConsole(agent.dirs);
  const begin = performance.now();
  const answered = submit(agent, body).then(() => performance.now() - begin);
  const [boot, returned] = await Promise.all([watchBoot(begin, find), answered]);
  await endJob(agent, id);
  return { ...boot, returned };
}

async function startByCli(agent: ImageAgent, id: string): Promise<Start> {
  const file = demoJobFile(agent, id, agent.demoDisk());
  const find = newConsole(agent.dirs);
  const begin = performance.now();
  const ended = agent.run(["run", file]).then(({ code, stderr }) => {
    if (code !== 0) throw new Error(`paddock run exited with ${code}: ${stderr}`);
    return performance.now() - begin;
  });
  const [boot, returned] = await Promise.all([watchBoot(begin, find), ended]);
  await endJob(agent, id);
  return { ...boot, returned };
}
