import { describe, expect, test } from "bun:test";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { AppError } from "../../../src/base/errors.ts";
import type { Artifact } from "../../../src/job/job.ts";
import { taskDirs } from "../../../src/paths.ts";

const dirs = taskDirs({ dataDir: "/data", runDir: "/run" }, "id", "vm");

function artifact(source: string, rest: Partial<Artifact> = {}): Artifact {
  return { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false, ...rest };
}

function failure(wanted: Artifact): AppError {
  try {
    planArtifact(wanted, dirs);
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error("expected an error, the artifact was accepted");
}

describe("the request", () => {
  test("go-getter's parameters stay here, and every other byte of the query goes to the server", () => {
    const sum = "0".repeat(32);
    const plan = planArtifact(
      artifact(`http://h/a.img?b=%20x&checksum=md5:${sum}&a=1+2&filename=n&archive=false`),
      dirs,
    );
    expect(plan.url).toBe("http://h/a.img?b=%20x&a=1+2");
    expect(plan.checksum).toEqual({ type: "md5", hex: sum });
    expect(plan.target.path).toBe("/data/alloc/id/vm/local/n");
  });

  test("other options are sent as parameters, sorted and escaped", () => {
    const options = { z: "1&2", checksum: "0".repeat(40), a: "ü" };
    const plan = planArtifact(artifact("http://h/a.img?k=v", { options }), dirs);
    expect(plan.url).toBe("http://h/a.img?k=v&a=%C3%BC&z=1%262");
    expect(plan.checksum?.type).toBe("sha1");
  });

  test("a checksum given twice must be the same", () => {
    const [one, two] = ["md5:".padEnd(36, "1"), "md5:".padEnd(36, "2")];
    expect(
      planArtifact(artifact(`http://h/a?checksum=${one}`, { options: { checksum: one } }), dirs).checksum?.hex,
    ).toBe("1".repeat(32));
    expect(failure(artifact(`http://h/a?checksum=${one}`, { options: { checksum: two } })).message).toContain(
      "given twice",
    );
  });

  test("with mode file the parameter filename is the server's", () => {
    const plan = planArtifact(
      artifact("http://h/get?filename=x", { mode: "file", destination: "local/disk.img" }),
      dirs,
    );
    expect(plan.url).toBe("http://h/get?filename=x");
    expect(plan.target.path).toBe("/data/alloc/id/vm/local/disk.img");
  });

  test("user info becomes Basic authorization and is in no other field", () => {
    const plan = planArtifact(artifact("https://me:s3%3Acret@h/a.img"), dirs);
    expect(plan.headers["authorization"]).toBe(`Basic ${Buffer.from("me:s3:cret").toString("base64")}`);
    expect(plan.url).toBe("https://h/a.img");
    expect(plan.source).toBe("https://***@h/a.img");
  });

  test("the job's headers win over user info, and bytes are asked for as they are", () => {
    const headers = { Authorization: "Bearer x", "Accept-Encoding": "gzip" };
    const plan = planArtifact(artifact("https://me:pw@h/a.img", { headers }), dirs);
    expect(plan.headers).toMatchObject({ authorization: "Bearer x", "accept-encoding": "identity" });
  });

  test.each([
    [{ "X Y": "s3cret" }, '"X Y" is no valid header name'],
    [{ "X-Y": "s3cret\r\nHost: evil" }, "the value of X-Y holds a character"],
  ])("refuses header %p without its value", (headers, message) => {
    const error = failure(artifact("http://h/a", { headers }));
    expect(error.message).toContain(message);
    expect(error.message + error.hint).not.toContain("s3cret");
  });
});

describe("what is refused by name", () => {
  test.each([
    ["git::https://me:s3cret@h/repo", "the git:: getter is not supported"],
    ["s3::https://h/b/a.img", "the s3:: getter is not supported"],
    ["hg::http://h/repo", "the hg:: getter"],
    ["gcs::https://h/a", "the gcs:: getter"],
    ["s3://bucket/a.img", "scheme s3 is not supported"],
    ["file:///etc/passwd", "scheme file is not supported"],
    ["github.com/me/repo", "a source without a scheme"],
    ["/etc/passwd", "a source without a scheme"],
    ["git@github.com:me/repo", "a source without a scheme"],
    ["http://h/a//b", "a subdirectory of an artifact"],
    ["http://h/dir/", "expected the path of a file"],
    ["http://h", "expected the path of a file"],
  ])("%s", (source, message) => {
    const error = failure(artifact(source));
    expect(error.code).toBe("unsupported");
    expect(error.message).toContain(message);
    expect(error.hint).toBeString();
    expect(error.message).not.toContain("s3cret");
  });

  test("a plain file with mode dir", () => {
    expect(failure(artifact("http://h/a.img", { mode: "dir" })).message).toContain('mode = "dir" needs an archive');
  });

  test.each(["false", "0", "F"])("but archive = %s keeps an archive as a file", (archive) => {
    const plan = planArtifact(artifact("http://h/a.tar.gz", { options: { archive } }), dirs);
    expect(plan.target.fileName).toBe("a.tar.gz");
    expect(plan.unpack).toBeNull();
  });
});

describe("what is wrong", () => {
  test.each([
    ["", "source must be set"],
    ["http://h/a b", "a space or control character"],
    ["http://h/a\u0000", "a space or control character"],
    ["http://h:port/a", "not a valid URL"],
    ["http://h/%ff", "no valid escape"],
    ["http://h/a?archive=rar", "archive: expected false, bz2"],
    ["http://h/a?checksum=md5:12", "expected 32 hex digits for md5"],
    ["http://h/a?filename=../x", "leads out of the allocation directory"],
    ["http://h/..%2f..%2fx%0ay", "holds a control character"],
    ["http://h/x%c2%9b2J", "holds a control character"],
  ])("%p", (source, message) => {
    const error = failure(artifact(source));
    expect(error.code).toBe("invalid");
    expect(error.message).toContain(message);
  });
});
