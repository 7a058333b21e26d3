import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { artifactBench, BODY, sum } from "../helpers/artifact.ts";
import { hasS3Server, S3_KEY, type S3Server, startS3 } from "../helpers/s3.ts";

const here = artifactBench();
const { get, expectFailure } = here;
const OPTIONS = { aws_access_key_id: S3_KEY.id, aws_access_key_secret: S3_KEY.secret };

describe.skipIf(!hasS3Server())("an S3 server (skipped where npm cannot install one)", () => {
  let server: S3Server;
  const at = (path: string): string => `s3::http://127.0.0.1:${server.port}${path}`;

  beforeAll(async () => {
    server = await startS3();
    await server.put("a.img", BODY);
    await server.put("deep/my (1) disk+é=&~.img", BODY);
  });
  afterAll(async () => await server[Symbol.asyncDispose]());

  test("gives an object for the keys of options, and of the query", async () => {
    const got = await get(at("/images/a.img"), { options: { ...OPTIONS, checksum: sum("sha256") } });
    expect(got).toMatchObject({ bytes: BODY.length, checksum: sum("sha256") });
    const query = "aws_access_key_id=S3RVER&aws_access_key_secret=S3RVER&region=eu-west-1&filename=b";
    await get(at(`/images/a.img?${query}`));
    expect(readFileSync(join(here.dirs.local, "b")).equals(BODY)).toBe(true);
  });

  test("gives an object whose name needs every kind of escape", async () => {
    const got = await get(at("/images/deep/my%20(1)%20disk+%C3%A9=&~.img"), { options: OPTIONS });
    expect(got.path).toBe(join(here.dirs.local, "my (1) disk+é=&~.img"));
  });

  test("gives it for the agent's keys only when the configuration names them", async () => {
    const environment = { AWS_ACCESS_KEY_ID: S3_KEY.id, AWS_SECRET_ACCESS_KEY: S3_KEY.secret };
    expect((await get(at("/images/a.img"), { rules: { environment } })).bytes).toBe(BODY.length);
  });

  test.each([
    ["a wrong key", "/images/a.img", { ...OPTIONS, aws_access_key_id: "s3cret" }, "InvalidAccessKeyId"],
    ["an object that is not there", "/images/b.img", OPTIONS, "404 Not Found (NoSuchKey)"],
    ["a bucket that is not there", "/no-images/b.img", OPTIONS, "404 Not Found (NoSuchBucket)"],
  ])("refuses %s with the server's code, and no secret is told", async (_, path, options, message) => {
    const error = await expectFailure(get(at(path), { options }), message);
    expect(error.hint).toBeString();
    expect(error.message + error.hint).not.toContain("s3cret");
  });
});

/** The server of npm checks keys and not signatures; these are held against another implementation in a test of their own. */
describe("an S3 object", () => {
  const BIG = Buffer.alloc(3 << 20, "b");
  const at = (path: string): string => `s3::${here.origin.url(path)}`;
  const xml = (code: string, more = ""): string => `<?xml version="1.0"?><Error><Code>${code}</Code>${more}</Error>`;

  test("that breaks off goes on where it stood, each request signed anew", async () => {
    here.origin.set("/b/a.img", {
      kind: "each",
      answer: ({ headers }, number) => {
        const from = Number(/^bytes=(\d+)-$/.exec(headers["range"] ?? "")?.[1] ?? 0);
        const range = `bytes ${from}-${BIG.length - 1}/${BIG.length}`;
        const more = from === 0 ? {} : { "content-range": range };
        const status = from === 0 ? 200 : 206;
        const send = number === 1 ? 2 << 20 : BIG.length;
        return { kind: "raw", status, headers: { etag: '"e"', ...more }, body: BIG.subarray(from), send };
      },
    });
    const retry = { tries: 3, firstMillis: 1, longestMillis: 1 };
    const got = await get(at("/b/a.img"), { options: OPTIONS }, { retry });
    expect(got.bytes).toBe(BIG.length);
    const [first, second] = here.origin.requests;
    expect(first?.headers["authorization"]).toMatch(
      /^AWS4-HMAC-SHA256 Credential=S3RVER\/\d{8}\/us-east-1\/s3\/aws4_request, /,
    );
    expect(second?.headers["authorization"]).toStartWith("AWS4-HMAC-SHA256 ");
    expect(second?.headers).toMatchObject({ "if-match": '"e"', range: expect.stringMatching(/^bytes=[1-9]/) });
    expect(second?.headers["if-range"]).toBeUndefined();
  });

  test("that has changed meanwhile comes from its beginning", async () => {
    here.origin.set("/b/a.img", {
      kind: "each",
      answer: ({ headers }, number) => {
        if (number === 1) return { kind: "raw", status: 200, headers: { etag: '"e"' }, body: BIG, send: 2 << 20 };
        if (headers["if-match"] !== undefined) return { kind: "status", status: 412 };
        return { kind: "raw", status: 200, headers: { etag: '"f"' }, body: BODY };
      },
    });
    const retry = { tries: 3, firstMillis: 1, longestMillis: 1 };
    expect((await get(at("/b/a.img"), { options: OPTIONS }, { retry })).checksum).toBe(sum("sha256"));
  });

  test("that is elsewhere is not followed, and the region is told", async () => {
    const headers = { location: here.origin.url("/other"), "x-amz-bucket-region": "eu-west-1" };
    const body = Buffer.from(xml("PermanentRedirect"));
    here.origin.set("/b/a.img", { kind: "raw", status: 301, headers, body });
    const error = await expectFailure(get(at("/b/a.img"), { options: OPTIONS }), "(PermanentRedirect)");
    expect(error.hint).toContain('region = "eu-west-1"');
    expect(here.origin.count("/other")).toBe(0);
  });

  test.each([
    ["SignatureDoesNotMatch", 403, "aws_access_key_secret is another one"],
    ["RequestTimeTooSkewed", 403, "clock"],
    ["ExpiredToken", 400, "aws_access_token has expired"],
    ["AccessDenied", 403, "may these credentials"],
  ])("that is refused for %s says what to do", async (code, status, hint) => {
    here.origin.set("/b/a.img", { kind: "status", status, body: xml(code) });
    const error = await expectFailure(get(at("/b/a.img"), { options: OPTIONS }), `(${code})`);
    expect(error.hint).toContain(hint);
  });

  test("of a server that says what it should not is refused in words of ours", async () => {
    const evil = `${xml("Slow\u001b[2JDown")}${"x".repeat(1 << 20)}`;
    here.origin.set("/b/a.img", { kind: "raw", status: 503, headers: {}, body: Buffer.from(evil) });
    const { message } = await expectFailure(get(at("/b/a.img"), { options: OPTIONS }), "found 503");
    expect(message).not.toContain("\u001b");
    expect(message.length).toBeLessThan(300);
  });

  test("without keys is asked for as anybody may, and the job's token goes along", async () => {
    here.origin.set("/b/a.img", { kind: "bytes", body: BODY });
    await get(at("/b/a.img?filename=one"));
    expect(here.origin.requests[0]?.headers["authorization"]).toBeUndefined();
    await get(at("/b/a.img?filename=two"), { options: { ...OPTIONS, aws_access_token: "tok" } });
    expect(here.origin.requests[1]?.headers["x-amz-security-token"]).toBe("tok");
  });
});
