import { expect } from "bun:test";
import { spawn } from "node:child_process";
import { readdirSync } from "node:fs";
import { Hopeless, until } from "./until.ts";

/**
 * Runs the script of a machine until it has said something, and ends it.
 * @param dir an own directory for its temporary files, of which nothing may stay.
 * @param args what stands behind the script's name.
 * @param ends it says so when it ends by itself, and is given the time to tidy up.
 * @returns what its serial port and QEMU have said.
 */
export async function runByHand(
  file: string,
  dir: string,
  wanted: string,
  {
    args = [],
    env = {},
    ends = false,
  }: {
    readonly args?: readonly string[];
    readonly env?: Readonly<Record<string, string>>;
    readonly ends?: boolean;
  } = {},
): Promise<string> {
  const places = `${dir}/places`;
  const child = spawn("/bin/sh", ["-c", 'mkdir -p "$TMPDIR"; exec /bin/sh "$@"', "sh", file, ...args], {
    detached: true,
    env: { PATH: process.env["PATH"] ?? "", ...env, TMPDIR: places },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let said = "";
  const hear = (data: Buffer): void => {
    said += data.toString();
  };
  for (const stream of [child.stdout, child.stderr]) stream.on("data", hear);
  const ended = new Promise((resolve) => child.once("close", resolve));
  try {
    await until(
      `the script to say ${wanted}`,
      () => {
        if (said.includes(wanted) && (!ends || child.exitCode !== null)) return true;
        if (child.exitCode !== null) throw new Hopeless(said);
        return false;
      },
      { deadline: 20_000 },
    );
  } finally {
    if (child.pid !== undefined && child.exitCode === null) process.kill(-child.pid, "SIGTERM");
    await ended;
  }
  expect(readdirSync(places)).toEqual([]);
  return said;
}
