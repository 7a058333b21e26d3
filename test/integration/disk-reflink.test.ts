import { expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runProgram } from "../helpers/run.ts";
import { tempDir } from "../helpers/temp.ts";

interface Copies {
  /** Bytes that the file system has less than before. */
  readonly taken: number;
  readonly copies: readonly {
    readonly id: string;
    readonly extents: string;
    readonly same: boolean;
    readonly bytes: number;
  }[];
}

const MIB = 2 ** 20;

/** Why no file system can be made and mounted here; undefined when one can. */
function whyNoMount(): string | undefined {
  if (process.getuid?.() !== 0) return "only root mounts";
  for (const program of ["mkfs.xfs", "filefrag"]) {
    if (Bun.which(program) === null) return `there is no ${program}: run sh .ci/setup guests`;
  }
  // In a namespace of its own, which takes the mount along when the last process in it ends, however it ends.
  const tried = 'truncate -s 320M "$0/fs" && mkfs.xfs -q "$0/fs" && mount -o loop "$0/fs" "$0"';
  const make = 'dir=$(mktemp -d) && trap "rm -rf $dir" EXIT && unshare --mount sh -c "$0" "$dir"';
  const { success, stderr } = Bun.spawnSync(["sh", "-c", make, tried]);
  return success ? undefined : `XFS cannot be mounted here: ${stderr.toString().trim()}`;
}

const missing = whyNoMount();

test.skipIf(missing !== undefined)(
  `a copy shares its blocks with the image where the file system can (${missing ?? "on XFS"})`,
  async () => {
    await using dir = tempDir();
    writeFileSync(dir.file("fs"), "");
    truncateSync(dir.file("fs"), 512 * MIB);
    expect(await runProgram(["mkfs.xfs", "-q", dir.file("fs")])).toMatchObject({ code: 0 });
    const script = join(import.meta.dirname, "disk", "copy-by-reflink.ts");
    const mount = 'mount -o loop "$1" "$2" && chmod 711 "$2" && TMPDIR="$2" exec "$3" "$4"';
    const { stdout, stderr } = await runProgram(
      ["unshare", "--mount", "sh", "-c", mount, "sh", dir.file("fs"), "/mnt", process.execPath, script],
      { deadline: 60_000 },
    );
    if (stdout === "") throw new Error(stderr);
    const { taken, copies } = JSON.parse(stdout) as Copies;
    expect(copies.map(({ id, same }) => [id, same])).toEqual([
      ["named", true],
      ["fetched", true],
    ]);
    for (const { extents, bytes } of copies) {
      expect(bytes).toBeGreaterThan(32 * MIB);
      expect(extents).toContain("shared");
    }
    // Logs, stores and what the guests wrote; without sharing it is three times the image: two disks and what the cache has.
    expect(taken).toBeLessThan(24 * MIB);
  },
  120_000,
);
