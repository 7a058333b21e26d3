import { execFileSync } from "node:child_process";
import { closeSync, mkdirSync, openSync, rmSync, truncateSync, writeSync } from "node:fs";
import { join } from "node:path";

/** A small file system that is full or not as a test likes. Mounting one is root's. */
export interface SmallDisk {
  /** Takes every byte there is. */
  fill(): void;
  /** Gives free what `fill` took. */
  empty(): void;
  unmount(): void;
}

/** @param size as `mount` writes it. @param at a directory that is not there yet. */
export function mountTmpfs(at: string, size: string): SmallDisk {
  mkdirSync(at);
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=0755`, "none", at]);
  return smallDisk(at);
}

/** @returns undefined where this host mounts no files. */
export function mountExt4(at: string, bytes: number): SmallDisk | undefined {
  const image = `${at}.ext4`;
  closeSync(openSync(image, "wx"));
  truncateSync(image, bytes);
  mkdirSync(at);
  try {
    execFileSync("mkfs.ext4", ["-q", "-m", "0", image], { stdio: "ignore" });
    execFileSync("mount", ["-o", "loop", image, at], { stdio: "ignore" });
  } catch {
    rmSync(at, { recursive: true });
    return undefined;
  }
  return smallDisk(at);
}

function smallDisk(at: string): SmallDisk {
  const ballast = join(at, "ballast");
  return {
    fill() {
      const fd = openSync(ballast, "a");
      try {
        for (const size of [1 << 20, 4096, 1]) fillBy(fd, new Uint8Array(size));
      } finally {
        closeSync(fd);
      }
    },
    empty: () => rmSync(ballast),
    unmount: () => void execFileSync("umount", ["-l", at]),
  };
}

function fillBy(fd: number, block: Uint8Array): void {
  try {
    for (;;) writeSync(fd, block);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ENOSPC")) throw error;
  }
}
