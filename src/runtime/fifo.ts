import { execFileSync } from "node:child_process";
import { loadLibc } from "./libc.ts";

/**
 * Makes a FIFO with exactly this mode.
 * @throws when something has the name already, or it cannot be made there.
 */
export async function makeFifo(path: string, mode: number): Promise<void> {
  const libc = await loadLibc(({ ptr, u32, i32 }) => ({ mkfifo: { args: [ptr, u32], returns: i32 } }));
  const umask = process.umask(0);
  try {
    if (libc === null) execFileSync("mkfifo", ["-m", mode.toString(8), "--", path], { stdio: "ignore" });
    else if (libc.mkfifo(Buffer.from(`${path}\0`), mode) !== 0) throw new Error(`cannot make the FIFO ${path}`);
  } finally {
    process.umask(umask);
  }
}
