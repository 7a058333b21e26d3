import { describe, expect, test } from "bun:test";
import { type ReadChecksumOptions, settleChecksum } from "../../src/artifact/source/read-checksum.ts";
import { artifactBench, ONCE, sum } from "../helpers/artifact.ts";
import { refusal } from "../helpers/refusal.ts";

const here = artifactBench();
const HEX = sum("sha256").slice("sha256:".length);

function settle(checksum: string, more: Partial<ReadChecksumOptions> = {}, path = "/a.img") {
  const told: string[] = [];
  const options = { signal: new AbortController().signal, onRetry: () => undefined, retry: ONCE, ...more };
  const settled = settleChecksum(here.plan(here.origin.url(path), { checksum }), {
    tell: (message) => told.push(message),
    ...options,
  });
  return { settled, told };
}

describe("a file of checksums", () => {
  test("gives the artifact's, which is told", async () => {
    here.origin.set("/SUMS?t=s3cret", { kind: "bytes", body: `${"0".repeat(64)}  b.img\n${HEX} *a.img\n` });
    const { settled, told } = settle(`file:${here.origin.url("/SUMS?t=s3cret")}`);
    expect((await settled).checksum).toEqual({ type: "sha256", hex: HEX });
    expect(told).toEqual([`${here.origin.url("/SUMS?t=***")} says of a.img: sha256:${HEX}`]);
  });

  test("is found behind redirects and after a failure that passes", async () => {
    here.origin.set("/SUMS", { kind: "redirect", to: "/real" });
    here.origin.set("/real", {
      kind: "each",
      answer: (_, number) => (number === 1 ? { kind: "status", status: 503 } : { kind: "bytes", body: HEX }),
    });
    const retries: string[] = [];
    const retry = { tries: 2, firstMillis: 1, longestMillis: 1 };
    const { settled } = settle(`file:${here.origin.url("/SUMS")}`, {
      retry,
      onRetry: ({ message }) => retries.push(message),
    });
    expect((await settled).checksum?.hex).toBe(HEX);
    expect(retries).toHaveLength(1);
  });

  test.each([
    ["has another name only", { kind: "bytes", body: `${HEX}  b.img` }, 'no checksum of "a.img" is in'],
    ["is empty", { kind: "bytes", body: "" }, 'no checksum of "a.img" is in'],
    ["is a page", { kind: "bytes", body: "<html>Sign in</html>" }, 'no checksum of "a.img" is in'],
    ["is not there", { kind: "status", status: 404 }, "expected status 200, found 404"],
    ["is endless", { kind: "bytes", body: Buffer.alloc((4 << 20) + 1, "a") }, "found more than 4 MiB"],
    ["breaks off", { kind: "short", body: `${"x".repeat(100)}`, send: 10 }, "artifact http"],
    ["leads to the metadata of a cloud", { kind: "redirect", to: "http://169.254.169.254/" }, "metadata address"],
  ] as const)("that %s is an error, and nothing is fetched", async (_, reply, message) => {
    here.origin.set("/SUMS", reply);
    const error = await refusal(settle(`file:${here.origin.url("/SUMS")}`).settled);
    expect(error.message).toContain(message);
    expect(error.code).toBe("fetch");
    expect(here.origin.count("/a.img")).toBe(0);
  });

  test("that stalls is given up, and so is one when the task is", async () => {
    here.origin.set("/SUMS", { kind: "stall", body: HEX, send: 10 });
    const file = `file:${here.origin.url("/SUMS")}`;
    expect((await refusal(settle(file, { stallMillis: 50 }).settled)).message).toContain("no byte came for 0.05 s");
    const controller = new AbortController();
    const { settled } = settle(file, { signal: controller.signal });
    controller.abort();
    expect((await refusal(settled)).message).toContain("cancelled");
  });

  test("is never left out: what was not asked for proves nothing", async () => {
    here.origin.set("/SUMS", { kind: "bytes", body: HEX });
    const checksum = `file:${here.origin.url("/SUMS")}`;
    const error = await refusal(here.get(here.origin.url("/a.img"), { checksum }));
    expect(error.message).toContain("before its checksum was asked for");
  });
});
