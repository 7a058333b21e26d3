import { describe, expect, test } from "bun:test";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { PLAIN_RULES, type SourceRules } from "../../../src/artifact/source/rules.ts";
import type { AppError } from "../../../src/base/errors.ts";
import type { Artifact } from "../../../src/job/job.ts";
import { taskDirs } from "../../../src/paths.ts";
import { refusalOf } from "../../helpers/refusal.ts";

const dirs = taskDirs({ dataDir: "/data", runDir: "/run" }, "id", "vm");

function artifact(source: string, rest: Partial<Artifact> = {}): Artifact {
  return { source, destination: "local/", mode: "any", options: {}, headers: {}, insecure: false, ...rest };
}

const failure = (wanted: Artifact): AppError => refusalOf(() => planArtifact(wanted, dirs));

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
    ["hg::http://me:s3cret@h/repo", "sources of hg:: are not supported"],
    ["gcs::https://h/a", "sources of gcs:: are not supported"],
    ["example.org/a.img", "a source without a scheme"],
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

describe("a file of checksums", () => {
  const rules: SourceRules = { ...PLAIN_RULES, netrc: "machine sums login you password net" };
  const sums = (checksum: string, rest: Partial<Artifact> = {}) =>
    planArtifact(artifact("https://me:pw@h/d/a.img", { options: { checksum }, ...rest }), dirs, rules).checksumFile;

  test("is asked for with the artifact's credentials on its own host only", () => {
    const headers = { Authorization: "Bearer x", "PRIVATE-TOKEN": "y", "User-Agent": "me" };
    expect(sums("file:https://h/SHA256SUMS", { headers })?.from.headers).toMatchObject({
      authorization: "Bearer x",
      "private-token": "y",
    });
    expect(sums("file:https://other/SHA256SUMS", { headers })?.from.headers).toEqual({
      "user-agent": "me",
      "accept-encoding": "identity",
    });
    expect(sums("file:https://h/SHA256SUMS")?.from.headers["authorization"]).toBeUndefined();
    const basic = `Basic ${Buffer.from("you:net").toString("base64")}`;
    expect(sums("file:https://sums/SHA256SUMS")?.from.headers["authorization"]).toBe(basic);
  });

  test.each([
    ["file:https://h/SHA256SUMS", ["a.img", "d/a.img", "./d/a.img", "/d/a.img"]],
    ["file:https://h/d/SHA256SUMS?x=1", ["a.img", "a.img", "./a.img", "/d/a.img"]],
    ["file:https://h/e/f/SHA256SUMS", ["a.img", "../../d/a.img", "./../../d/a.img", "/d/a.img"]],
  ])("%s may call it so", (checksum, names) => {
    expect(sums(checksum)?.names).toEqual(names);
  });

  test("may be named in the source's query", () => {
    const plan = planArtifact(artifact("http://h/a.img?checksum=file%3Ahttp%3A%2F%2Fh%2Fs%3Ft%3D1&k=v"), dirs);
    expect(plan).toMatchObject({ url: "http://h/a.img?k=v", checksum: null });
    expect(plan.checksumFile?.from).toMatchObject({ url: "http://h/s?t=1", source: "http://h/s?t=***" });
  });

  test.each([
    ["file:", "must be set"],
    ["file:SHA256SUMS", "a source without a scheme"],
    ["file:git::https://h/x", "name one file"],
    ["file:https://h/a.tar//SHA256SUMS", "name one file"],
  ])("%s is refused", (checksum, message) => {
    expect(failure(artifact("http://h/a.img", { options: { checksum } })).message).toContain(message);
  });
});

test("a netrc file gives credentials where the job has none", () => {
  const rules: SourceRules = { ...PLAIN_RULES, netrc: "machine h login me password pw\ndefault login x password y" };
  const of = (source: string, headers = {}): string | undefined =>
    planArtifact(artifact(source, { headers }), dirs, rules).headers["authorization"];
  const basic = (pair: string): string => `Basic ${Buffer.from(pair).toString("base64")}`;
  expect(of("http://h:8080/a")).toBe(basic("me:pw"));
  expect(of("http://you:yours@h/a")).toBe(basic("you:yours"));
  expect(of("http://h/a", { authorization: "Bearer x" })).toBe("Bearer x");
  expect(of("http://other/a")).toBeUndefined();
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
