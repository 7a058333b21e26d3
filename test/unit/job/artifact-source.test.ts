import { describe, expect, test } from "bun:test";
import type { AppError } from "../../../src/base/errors.ts";
import { readArtifactSource } from "../../../src/job/artifact-source.ts";
import { refusalOf } from "../../helpers/refusal.ts";

const failure = (text: string): AppError => refusalOf(() => readArtifactSource(text));

describe("a source", () => {
  test.each([
    ["http://h/a.img", "http", "http://h/a.img", null],
    ["https::https://h/a.img", "http", "https://h/a.img", null],
    ["https://h/a.tar//sub/dir?x=1//2", "http", "https://h/a.tar?x=1//2", "sub/dir"],
    ["https://h/a?u=http://other//x", "http", "https://h/a?u=http://other//x", null],
    ["github.com/me/repo", "git", "https://github.com/me/repo.git", null],
    ["github.com/me/repo.git?ref=v1", "git", "https://github.com/me/repo.git?ref=v1", null],
    ["github.com/me/repo//images?ref=v1", "git", "https://github.com/me/repo.git?ref=v1", "images"],
    ["github.com/me/repo/images//small", "git", "https://github.com/me/repo.git", "images/small"],
    ["gitlab.com/me/repo", "git", "https://gitlab.com/me/repo.git", null],
    ["bitbucket.org/me/repo", "git", "https://bitbucket.org/me/repo.git", null],
    ["git@github.com:me/repo.git", "git", "ssh://git@github.com/me/repo.git", null],
    ["git::git@h:me/repo//x", "git", "ssh://git@h/me/repo", "x"],
    ["git::ssh://git@h:22/me/repo", "git", "ssh://git@h:22/me/repo", null],
    ["git::/srv/repo.git//x", "git", "file:///srv/repo.git", "x"],
    ["git::github.com/me/repo", "git", "https://github.com/me/repo.git", null],
    ["s3::https://s3.amazonaws.com/b/k", "s3", "https://s3.amazonaws.com/b/k", null],
    ["s3::http://127.0.0.1:9000/b/k", "s3", "http://127.0.0.1:9000/b/k", null],
    ["s3::s3-eu-west-1.amazonaws.com/b/k", "s3", "https://s3-eu-west-1.amazonaws.com/b/k", null],
    ["s3.amazonaws.com/b/k", "s3", "https://s3.amazonaws.com/b/k", null],
    ["b.s3.eu-west-1.amazonaws.com/k", "s3", "https://b.s3.eu-west-1.amazonaws.com/k", null],
    ["b.s3-eu-west-1.amazonaws.com/k", "s3", "https://b.s3-eu-west-1.amazonaws.com/k", null],
    ["s3://b/k", "s3", "s3://b/k", null],
    ["/srv/a.img", "file", "file:///srv/a.img", null],
    ["file::/srv/a.tar//x", "file", "file:///srv/a.tar", "x"],
    ["file:///srv/a.img", "file", "file:///srv/a.img", null],
    ["file::file:///srv/a.img", "file", "file:///srv/a.img", null],
  ] as const)("%s is of %s", (text, kind, address, subdir) => {
    expect(readArtifactSource(text)).toEqual({ kind, address, subdir });
  });

  test.each([
    ["", "invalid", "source must be set", undefined],
    ["http://h/a b", "invalid", "a space or control character", "%20"],
    ["example.org/a.img", "unsupported", "a source without a scheme", "write https://"],
    ["s3.amazonaws.com.evil.example/b/k", "unsupported", "a source without a scheme", "write https://"],
    ["s3evilamazonaws.com/b/k", "unsupported", "a source without a scheme", "write https://"],
    ["local/a.img", "unsupported", "a source without a scheme", "write https://"],
    ["hg::http://h/repo", "unsupported", "sources of hg:: are not supported", "git repository"],
    ["gcs::https://h/b/o", "unsupported", "sources of gcs:: are not supported", "HMAC"],
    ["gs://b/o", "unsupported", "sources of gcs:: are not supported", "HMAC"],
    ["www.googleapis.com/storage/v1/b/o", "unsupported", "sources of gcs:: are not supported", "HMAC"],
    ["ftp://h/a", "unsupported", "sources of ftp:// are not supported", "https://"],
    ["ssh://git@h/repo", "unsupported", "sources of ssh:// are not supported", "git::ssh://"],
    ["git::ext::sh -c id", "invalid", "a space", "%20"],
    ["git::ext::id", "invalid", "without a scheme", "git::https://"],
    ["git::ftp://h/repo", "invalid", "a source of git:: with ftp://", "git::https://…, git::http://…"],
    ["git::--upload-pack=id", "invalid", "without a scheme", "git::https://"],
    ["http::file:///etc/passwd", "invalid", "a source of http:: with file://", "http::http://"],
    ["file::https://h/a", "invalid", "a source of file:: with https://", "file::file://"],
    ["file::a.img", "invalid", "without a scheme", "an absolute path"],
    ["github.com/me", "invalid", "github.com/OWNER/REPOSITORY", "two slashes"],
  ])("%p is refused", (text, code, message, hint) => {
    const error = failure(text);
    expect(error.code as string).toBe(code);
    expect(error.message).toContain(message);
    expect(error.hint ?? "").toContain(hint ?? "");
  });

  test("is not repeated when it is refused", () => {
    for (const text of [
      "ftp://me:s3cret@h/a",
      "git::me:s3cret@h",
      "me:s3cret@example.org/a",
      "hg::https://me:s3cret@h/a",
    ]) {
      const { message, hint } = failure(text);
      expect(message + hint).not.toContain("s3cret");
    }
  });
});
