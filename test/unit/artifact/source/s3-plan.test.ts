import { describe, expect, test } from "bun:test";
import { planArtifact } from "../../../../src/artifact/plan.ts";
import { PLAIN_RULES } from "../../../../src/artifact/source/rules.ts";
import type { AppError } from "../../../../src/base/errors.ts";
import { taskDirs } from "../../../../src/paths.ts";
import { refusalOf } from "../../../helpers/refusal.ts";

const dirs = taskDirs({ dataDir: "/data", runDir: "/run" }, "id", "vm");

function plan(source: string, options: Record<string, string> = {}, environment: Record<string, string> = {}) {
  const artifact = { source, destination: "local/", mode: "any", options, headers: {}, insecure: false } as const;
  return planArtifact(artifact, dirs, { ...PLAIN_RULES, environment });
}

const failure = (...args: Parameters<typeof plan>): AppError => refusalOf(() => plan(...args));

describe("an S3 source", () => {
  test.each([
    ["s3::https://s3.amazonaws.com/b/d/k.img", "https://s3.amazonaws.com/b/d/k.img", "us-east-1"],
    ["s3::https://s3-eu-west-1.amazonaws.com/b/k", "https://s3-eu-west-1.amazonaws.com/b/k", "eu-west-1"],
    ["s3::https://s3.eu-west-1.amazonaws.com/b/k", "https://s3.eu-west-1.amazonaws.com/b/k", "eu-west-1"],
    ["b.s3.amazonaws.com/k", "https://b.s3.amazonaws.com/k", "us-east-1"],
    ["b.s3-eu-west-1.amazonaws.com/k", "https://b.s3-eu-west-1.amazonaws.com/k", "eu-west-1"],
    ["my.b.s3.eu-west-1.amazonaws.com/k", "https://my.b.s3.eu-west-1.amazonaws.com/k", "eu-west-1"],
    ["b.s3.dualstack.eu-west-1.amazonaws.com/k", "https://b.s3.dualstack.eu-west-1.amazonaws.com/k", "eu-west-1"],
    ["b.s3-accelerate.amazonaws.com/k", "https://b.s3-accelerate.amazonaws.com/k", "us-east-1"],
    ["s3.cn-north-1.amazonaws.com.cn/b/k", "https://s3.cn-north-1.amazonaws.com.cn/b/k", "cn-north-1"],
    ["s3::http://127.0.0.1:9000/b/k?region=x", "http://127.0.0.1:9000/b/k", "x"],
    ["s3::https://b.minio.example/k", "https://b.minio.example/k", "us-east-1"],
    ["s3://b/k", "https://b.s3.us-east-1.amazonaws.com/k", "us-east-1"],
    ["s3://my.b/d/k?region=eu-west-1", "https://s3.eu-west-1.amazonaws.com/my.b/d/k", "eu-west-1"],
    ["s3://b/k?region=cn-north-1", "https://b.s3.cn-north-1.amazonaws.com.cn/k", "cn-north-1"],
    ["s3::https://h/b/a+b%20(c)?version=1%2F2", "https://h/b/a%2Bb%20%28c%29?versionId=1%2F2", "us-east-1"],
  ])("%s is asked as %s in %s", (source, url, region) => {
    expect(plan(source)).toMatchObject({ url, via: { kind: "s3", region, credentials: null } });
  });

  test("takes keys from options or query, else those that the configuration lends", () => {
    const environment = { AWS_ACCESS_KEY_ID: "envid", AWS_SECRET_ACCESS_KEY: "envsecret", AWS_REGION: "eu-north-1" };
    const options = { aws_access_key_id: "id", aws_access_key_secret: "secret", aws_access_token: "token" };
    const of = (source: string, ...rest: [Record<string, string>?, Record<string, string>?]) =>
      plan(source, ...rest).via;
    expect(of("s3://b/k", options, environment)).toMatchObject({
      credentials: { keyId: "id", secret: "secret", token: "token" },
      region: "eu-north-1",
    });
    expect(of("s3://b/k?aws_access_key_id=q&aws_access_key_secret=a%2Bb%2Fc")).toMatchObject({
      credentials: { keyId: "q", secret: "a+b/c", token: null },
    });
    expect(of("s3://b/k", {}, environment)).toMatchObject({ credentials: { keyId: "envid", secret: "envsecret" } });
    expect(of("s3.eu-west-1.amazonaws.com/b/k", {}, environment)).toMatchObject({ region: "eu-west-1" });
  });

  test("has its secrets in nothing that is printed", () => {
    const { source, url, headers, target } = plan(
      "s3::https://h/b/k.tar?aws_access_key_id=q&aws_access_key_secret=s3cret",
    );
    expect(JSON.stringify({ source, url, headers, target })).not.toContain("s3cret");
  });

  test.each([
    ["s3://b/k", { aws_access_key_id: "id" }, "aws_access_key_secret is missing"],
    ["s3://b/k", { aws_access_key_secret: "s3cret" }, "aws_access_key_id is missing"],
    ["s3://b/k", { aws_access_token: "s3cret" }, "aws_access_key_id is missing"],
    ["s3://b/k", { aws_access_key_id: "a\nb", aws_access_key_secret: "s3cret" }, "a character that none has"],
    ["s3://b/k", { aws_profile: "me" }, "aws_profile is not supported"],
    ["s3://b/k", { aws_acces_key_id: "s3cret" }, 'option "aws_acces_key_id" means nothing'],
    ["s3://b/k?region=../x", {}, "region: expected a name"],
    ["s3::https://me:s3cret@h/b/k", {}, "takes no user info"],
    ["s3::https://s3.amazonaws.com/b", {}, "expected a bucket and an object"],
    ["s3://b/d/", {}, "expected the path of a file"],
    ["s3://b", {}, "expected the path of a file"],
  ])("%s with %p is refused", (source, options, message) => {
    const error = failure(source, options as unknown as Record<string, string>);
    expect(error.message).toContain(message);
    expect(error.message + error.hint).not.toContain("s3cret");
  });

  test("takes no headers", () => {
    const headers = { Authorization: "s3cret" };
    const artifact = { source: "s3://b/k", destination: "local/", mode: "any", options: {}, insecure: false } as const;
    expect(() => planArtifact({ ...artifact, headers }, dirs)).toThrow("headers mean nothing");
  });
});
