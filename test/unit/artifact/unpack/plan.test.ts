import { describe, expect, test } from "bun:test";
import { type ArtifactPlan, planArtifact } from "../../../../src/artifact/plan.ts";
import type { AppError } from "../../../../src/base/errors.ts";
import type { Artifact } from "../../../../src/job/job.ts";
import { taskDirs } from "../../../../src/paths.ts";
import { refusalOf } from "../../../helpers/refusal.ts";

const dirs = taskDirs({ dataDir: "/data", runDir: "/run/p" }, "id", "vm");
const TASK = "/data/alloc/id/vm";

function plan(source: string, wanted: Partial<Artifact> = {}): ArtifactPlan {
  const plain = { destination: "local/", mode: "any", options: {}, headers: {}, insecure: false } as const;
  return planArtifact({ source, ...plain, ...wanted }, dirs);
}

const failure = (source: string, wanted: Partial<Artifact> = {}): AppError => refusalOf(() => plan(source, wanted));

describe("what an archive becomes", () => {
  test.each([
    ["http://h/a.tar.gz", "tar", "gz"],
    ["http://h/a%2Etgz?x=1", "tar", "gz"],
    ["http://h/a.tar", "tar", "none"],
    ["http://h/a.tar.bz2", "tar", "bz2"],
    ["http://h/a.tzst", "tar", "zst"],
    ["http://h/a.img?archive=txz", "tar", "xz"],
    ["http://h/a.tar.gz?archive=tar", "tar", "none"],
  ])("%s fills the destination directory", (source, container, compression) => {
    for (const mode of ["any", "dir"] as const) {
      const { unpack, target, url } = plan(source, { mode });
      expect(unpack).toMatchObject({ format: { container, compression }, fileName: null, path: `${TASK}/local` });
      expect(target.folders).toEqual(["vm", "local"]);
      expect(url).not.toContain("archive=");
    }
  });

  test("a zip too, and the task directory itself is a destination", () => {
    expect(plan("http://h/a.zip", { destination: "." }).unpack).toMatchObject({ path: TASK, agentName: ".paddock" });
  });

  test.each([
    ["http://h/disk.img.xz", {}, "disk.img"],
    ["http://h/disk.img.gz?filename=vm.img", {}, "vm.img"],
    ["http://h/disk.img?archive=bz2", {}, "disk.img"],
    ["http://h/disk.img", { options: { archive: "zst" } }, "disk.img"],
    ["http://h/disk.img.zst", { mode: "file", destination: "local/vm.img" }, "vm.img"],
    ["http://h/disk.tar.gz", { mode: "file", destination: "local/vm.img" }, "vm.img"],
  ] as const)("%s %j becomes one file", (source, wanted, fileName) => {
    expect(plan(source, wanted).unpack).toMatchObject({ fileName, path: `${TASK}/local/${fileName}` });
  });

  test("two archives for one directory do not share what they keep there meanwhile", () => {
    const [a, b] = [plan("http://h/a.zip"), plan("http://h/b.zip")];
    expect(a.target.fileName).not.toBe(b.target.fileName);
    expect(a.unpack?.stagingName).not.toBe(b.unpack?.stagingName);
    expect(plan("http://h/a.zip")).toEqual(a);
  });
});

test.each([
  ["http://h/disk.img.xz", { mode: "dir" }, "xz is one compressed file"],
  ["http://h/a.zip?filename=b", {}, "filename names one file, and zip is an archive of files"],
  ["http://h/a.zip", { destination: "../../.." }, "leads out of the allocation directory"],
  ["http://h/a.zip", { destination: ".paddock" }, ".paddock belongs to the agent"],
  ["http://h/a.zip", { mode: "file", destination: "local/" }, 'mode = "file" needs the name of a file'],
  ["http://h/.xz", {}, "expected the name of a file"],
] as const)("%s %j is refused", (source, wanted, message) => {
  const error = failure(source, wanted);
  expect(error.code).toBe("invalid");
  expect(error.message).toContain(message);
});
