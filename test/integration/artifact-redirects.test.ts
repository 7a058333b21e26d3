import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { artifactBench, BODY, sum } from "../helpers/artifact.ts";
import { startOrigin } from "../helpers/origin.ts";

const here = artifactBench();
const { get, expectFailure } = here;

describe("redirects", () => {
  test("are followed, ten of them, with every status that means one", async () => {
    [301, 302, 303, 307, 308, 301, 302, 303, 307].forEach((status, index) => {
      here.origin.set(`/${index}`, { kind: "redirect", to: `/${index + 1}`, status });
    });
    here.origin.set("/9", { kind: "redirect", to: here.origin.url("/a.img") });
    const acquired = await get(here.origin.url("/0?filename=n"), { checksum: sum("md5") });
    expect(acquired).toMatchObject({ path: join(here.dirs.local, "n"), bytes: 100_000 });
    expect(here.origin.requests).toHaveLength(11);
  });

  test("are not followed for ever", async () => {
    here.origin.set("/loop", { kind: "redirect", to: "/loop" });
    await expectFailure(get(here.origin.url("/loop")), "more than 10 redirects");
    expect(here.origin.count("/loop")).toBe(11);
  });

  test("to a place with an endless name are cut short in messages", async () => {
    const path = `/${"a".repeat(100_000)}`;
    here.origin.set("/x", { kind: "redirect", to: path });
    expect((await expectFailure(get(here.origin.url("/x")), "404")).message.length).toBeLessThan(700);
    here.origin.set(path, { kind: "redirect", to: path });
    expect((await expectFailure(get(here.origin.url("/x")), "more than 10")).message.length).toBeLessThan(700);
  });

  test("carry credentials to the same host only", async () => {
    await using other = await startOrigin({ "/b": { kind: "bytes", body: BODY } });
    here.origin.set("/same", { kind: "redirect", to: "/other" });
    here.origin.set("/other", { kind: "redirect", to: other.url("/b") });
    const headers = { Cookie: "c", "X-Api-Key": "k", "User-Agent": "me" };
    await get(here.origin.url("/same").replace("//", "//me:pw@"), { headers });
    expect(here.origin.requests[1]?.headers).toMatchObject({
      cookie: "c",
      "x-api-key": "k",
      authorization: expect.any(String),
    });
    const seen = other.requests[0]?.headers ?? {};
    expect(seen["user-agent"]).toBe("me");
    expect(Object.keys(seen).filter((name) => ["cookie", "authorization", "x-api-key"].includes(name))).toEqual([]);
  });

  test("with user info in them do not send it", async () => {
    here.origin.set("/x", { kind: "redirect", to: here.origin.url("/a.img").replace("//", "//evil:pw@") });
    await get(here.origin.url("/x"));
    expect(here.origin.requests[1]?.headers["authorization"]).toBeUndefined();
  });

  test.each([
    ["file:///etc/passwd", "expected a redirect to http or https, found a redirect to"],
    ["ftp://127.0.0.1/x", "expected a redirect to http or https"],
    ["data:text/plain,x", "expected a redirect to http or https"],
    ["http://169.254.169.254/latest/meta-data", "redirect to a metadata address, http://169.254.169.254/"],
    ["http://[fe80::1]/", "redirect to a metadata address"],
    ["http://[::ffff:169.254.1.1]/", "redirect to a metadata address"],
    ["http://0xa9fea9fe/", "redirect to a metadata address"],
    ["http://[fd00:ec2::254]/latest/meta-data", "redirect to a metadata address"],
    ["http://100.100.100.200/latest/meta-data", "redirect to a metadata address"],
    ["http://%zz/", "to something that is no URL"],
  ])("to %s are refused", async (to, message) => {
    here.origin.set("/x", { kind: "redirect", to });
    await expectFailure(get(here.origin.url("/x")), message);
  });

  test("without a location are refused", async () => {
    here.origin.set("/x", { kind: "status", status: 302 });
    await expectFailure(get(here.origin.url("/x")), "302 Found without a location");
  });
});
