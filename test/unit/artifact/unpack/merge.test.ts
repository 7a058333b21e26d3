import { expect, test } from "bun:test";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { planArtifact } from "../../../../src/artifact/plan.ts";
import { planMoves, publishMoves } from "../../../../src/artifact/unpack/merge.ts";
import { taskDirs } from "../../../../src/paths.ts";
import { tempDir } from "../../../helpers/temp.ts";
import { listing } from "../../../helpers/unpacking.ts";

test("when an entry cannot get its name, all others lose theirs again", async () => {
  await using dir = tempDir();
  const dirs = taskDirs({ dataDir: dir.path, runDir: dir.path }, "id", "vm");
  const wanted = { destination: "local/", mode: "any", options: {}, headers: {}, insecure: false } as const;
  const plan = planArtifact({ source: "http://host/a.tar", ...wanted }, dirs);
  if (plan.unpack === null) throw new Error("expected an archive");
  const staged = `${dirs.local}/${plan.unpack.stagingName}`;
  const gone = ["x", "boot/x", "boot/deep/x"];
  for (const path of ["boot/deep", `${plan.unpack.stagingName}/boot/deep`]) {
    mkdirSync(`${dirs.local}/${path}`, { recursive: true });
  }
  for (const path of ["a", "boot/a", "boot/deep/a", ...gone]) writeFileSync(`${staged}/${path}`, path);
  const before = listing(dirs.local);
  for (const path of gone) {
    const moves = planMoves(plan, plan.unpack);
    rmSync(`${staged}/${path}`);
    expect(() => publishMoves(moves)).toThrow("ENOENT");
    writeFileSync(`${staged}/${path}`, path);
    expect(listing(dirs.local)).toEqual(before);
  }
  publishMoves(planMoves(plan, plan.unpack));
  expect(listing(staged)).toEqual(["boot", "boot/deep"]);
  expect(listing(dirs.local)).toContain("boot/deep/x");
});
