import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { limitsFor } from "../../../src/supervisor/limits.ts";
import { tempDir } from "../../helpers/temp.ts";

const USER = { uid: 71_800, gid: 71_800 };

/** The soft and hard limits that a program has which these words of a shell come before. */
async function limitsUnder(shell: readonly string[], words: string): Promise<Record<string, string | undefined>> {
  await using dir = tempDir();
  const child = Bun.spawn([...shell, "-c", `${words}cat /proc/self/limits; echo whole >&2`], {
    cwd: dir.path,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  expect(err).toBe("whole\n");
  const read = (name: string): string | undefined =>
    new RegExp(`^${name} +(\\S+ +\\S+)`, "m").exec(out)?.[1]?.replace(/ +/, " ");
  return { core: read("Max core file size"), processes: read("Max processes"), files: read("Max open files") };
}

const SHELLS = [["/bin/sh"], ["/bin/dash"], ["/bin/bash", "--posix"], ["/bin/busybox", "sh"]].filter(
  ([path = ""]) => Bun.which(path) !== null,
);

describe("what a machine may take of the host", () => {
  test.each(SHELLS.map((shell) => [shell] as const))("is bounded in %j", async (shell) => {
    const files = Math.min(
      65_536,
      Number(/^Max open files +\d+ +(\d+)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1]),
    );
    expect(await limitsUnder(shell, limitsFor(USER))).toEqual({
      core: "0 0",
      processes: "4096 4096",
      files: `${files} ${files}`,
    });
  });

  test("counts no processes of a user that has others too", async () => {
    const before = await limitsUnder(["/bin/sh"], "");
    expect(await limitsUnder(["/bin/sh"], limitsFor(null))).toMatchObject({
      core: "0 0",
      processes: before["processes"],
    });
  });

  test("is never raised: what is lower stays, and the machine starts", async () => {
    const lower = "ulimit -n 100; ulimit -p 200 2>/dev/null || ulimit -u 200\n";
    const asUser = ["setpriv", "--reuid=71800", "--regid=71800", "--clear-groups", "/bin/sh"];
    if (process.getuid?.() !== 0) asUser.splice(0, 4);
    expect(await limitsUnder(asUser, `${lower}${limitsFor(USER)}`)).toMatchObject({
      files: "100 100",
      processes: "200 200",
    });
  });
});
