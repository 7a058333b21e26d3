import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { startAgent } from "../helpers/agent.ts";
import { startNginx } from "../helpers/nginx.ts";
import { type RunResult, runProgram } from "../helpers/run.ts";
import type { Bench } from "./bench.ts";
import { waitUntilSettled } from "./machines.ts";

const BYTES = 192 << 20;
const WAIT = { deadline: 120_000 };

/** A file from a server that gives 8 MiB a second to each connection. */
export const connections: Bench = {
  name: "connections",
  run: async () => {
    await using nginx = await startNginx("8m");
    await Bun.write(join(nginx.root, "a.img"), randomBytes(BYTES));
    await using agent = await startAgent();
    await waitUntilSettled(agent);
    // Once each: what a server's limit makes of it does not vary.
    const plain = await timed(() => runProgram(["curl", "-sS", "-f", "-o", "/dev/null", nginx.url("/a.img")], WAIT));
    const paddock = await timed(() => agent.run(["image", "pull", nginx.url("/a.img")], WAIT));
    return [
      {
        what: "192 MiB at 8 MiB/s a connection (plain: curl, without a checksum)",
        unit: "s",
        plain,
        paddock,
        budget: { ratio: 0.5 },
      },
    ];
  },
};

async function timed(work: () => Promise<RunResult>): Promise<number> {
  const begin = performance.now();
  const { code, stderr } = await work();
  if (code !== 0) throw new Error(`it exited with ${code}: ${stderr}`);
  return (performance.now() - begin) / 1000;
}
