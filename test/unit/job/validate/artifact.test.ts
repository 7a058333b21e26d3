import { describe, expect, test } from "bun:test";
import type { Artifact, Job } from "../../../../src/job/job.ts";
import { problems, withTask } from "../../../helpers/valid-job.ts";

const ARTIFACT: Artifact = {
  source: "https://example.org/a.img",
  destination: "local/",
  mode: "any",
  options: {},
  headers: {},
  insecure: false,
};
const withArtifact = (change: Partial<Artifact>): Job => withTask({ artifacts: [{ ...ARTIFACT, ...change }] });
const withChecksum = (checksum: string): Job => withArtifact({ options: { checksum } });

describe("artifact", () => {
  const digits = (count: number) => "a".repeat(count);

  test.each([
    ["md5", 32],
    ["sha1", 40],
    ["sha256", 64],
    ["sha512", 128],
  ])("a %s checksum has %i hex digits", (type, length) => {
    expect(problems(withChecksum(`${type}:${digits(length)}`))).toEqual([]);
    expect(problems(withChecksum(`${type}:${digits(length - 1)}`))[0]).toEndWith(
      `must have ${length} hex digits for ${type}, found ${length - 1}`,
    );
    expect(problems(withChecksum(`${type}:g${digits(length - 1)}`))[0]).toContain("must hold only hex digits");
  });

  test.each([
    ["", "must have the form type:hex"],
    [digits(64), "must have the form type:hex"],
    [`sha256:${digits(64)}:x`, "must have the form type:hex"],
    ["file:SHA256SUMS", "checksum of a file: a source without a scheme"],
    ["file:", "checksum of a file: its name must be set"],
    ["file:git::https://example.org/a", "must name one file behind file:"],
    ["file:https://example.org/a.tar//SHA256SUMS", "must name one file behind file:"],
    [`SHA256:${digits(64)}`, "must be of type md5, sha1, sha256, sha512 or file"],
    ["constructor:aa", "must be of type md5"],
  ])("the checksum %p is refused", (checksum, message) => {
    expect(problems(withChecksum(checksum)).join("\n")).toContain(message);
  });

  test.each([
    "file:https://example.org/SHA256SUMS",
    "file:/srv/SHA256SUMS",
    "file:s3::https://s3.amazonaws.com/b/SHA256SUMS",
  ])("the checksum %p is accepted", (checksum) => {
    expect(problems(withChecksum(checksum))).toEqual([]);
  });

  test("a checksum that is known at run time is not judged yet", () => {
    expect(problems(withChecksum("sha256:${meta.digest}"))).toEqual([]);
  });

  test.each([
    ["local/../../..", false],
    ["../..", false],
    ["local/../../x", true],
    ["local/..", true],
    ["/etc", true],
    ["${NOMAD_ALLOC_DIR}/data", true],
    ["local/a\u0000b", false],
  ])("the destination %p: accepted %p", (destination, accepted) => {
    expect(problems(withArtifact({ destination })).length === 0).toBe(accepted);
  });

  test.each([
    ["", "source must be set"],
    ["example.org/a.img", "a source without a scheme"],
    ["hg::https://example.org/a", "sources of hg:: are not supported"],
    ["gs://bucket/a.img", "sources of gcs:: are not supported"],
  ])("the source %p is refused", (source, message) => {
    expect(problems(withArtifact({ source })).join("\n")).toContain(message);
  });

  test("no message repeats a source", () => {
    expect(problems(withArtifact({ source: "ftp://me:secret@example.org/a" })).join("\n")).not.toContain("secret");
  });
});
