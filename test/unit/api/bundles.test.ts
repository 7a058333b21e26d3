import { beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { MAX_REQUEST_BYTES } from "../../../src/api/validate.ts";
import { BundleLoadedSchema, BundleOpenedSchema, BundleTakenSchema } from "../../../src/contract/bundle.ts";
import { parseReply, refusalOf, type TestApi, testApi } from "../../helpers/api.ts";
import { makeBundle, publicPem, signingKey } from "../../helpers/bundle.ts";
import { bundlesOf } from "../../helpers/cache-uses.ts";
import { hexOf } from "../../helpers/hash.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const BODY = Buffer.alloc(5000, "body");
const dir = tempPerTest();
let one: TestApi;

beforeEach(() => {
  one = testApi();
  one.agent.bundles = bundlesOf(dir.path, null);
});

const open = async (): Promise<string> =>
  (await one.write(BundleOpenedSchema, "PUT", "/v1/bundles", { TrustedKeys: [publicPem("ours")] })).ID;

async function feed(id: string, offset: number, bytes: Uint8Array): Promise<Response> {
  const request = new Request(`http://localhost/v1/bundle/${id}?offset=${offset}`, {
    method: "PUT",
    body: new Uint8Array(bytes),
  });
  return await one.api.fetch(request);
}

describe("a bundle that is sent", () => {
  test("is taken piece by piece, and its end tells what came of it", async () => {
    await makeBundle(dir.file("a.tar"), { artifacts: [{ body: BODY }] });
    const bytes = readFileSync(dir.file("a.tar"));
    const id = await open();
    expect(await parseReply(BundleTakenSchema, await feed(id, 0, bytes.subarray(0, 1000)))).toEqual({ Offset: 1000 });
    await parseReply(BundleTakenSchema, await feed(id, 1000, bytes.subarray(1000)));
    expect(await one.write(BundleLoadedSchema, "PUT", `/v1/bundle/${id}/load`)).toMatchObject({
      Sequence: 100,
      Key: signingKey("ours").id,
      Added: [`sha256:${hexOf(BODY)}`],
      There: [],
      Bytes: BODY.length,
    });
    expect((await refusalOf(await feed(id, bytes.length, BODY))).status).toBe(404);
  });

  test("is refused with what is wrong, and tells nothing of the agent's inside", async () => {
    const id = await open();
    const { status, lines } = await refusalOf(await feed(id, 0, Buffer.alloc(512, "\u001b[31m")));
    expect({ status, line: lines[0] }).toEqual({
      status: 400,
      line: "the bundle is refused: it does not begin with a manifest",
    });
    expect(lines.join("\n")).not.toContain(dir.path);
  });

  test("comes in pieces of a bounded length, one bundle at a time, until it is given up", async () => {
    const id = await open();
    expect((await refusalOf(await feed(id, 0, Buffer.alloc(MAX_REQUEST_BYTES + 1)))).status).toBe(413);
    expect((await refusalOf(await one.send("PUT", "/v1/bundles", {}))).status).toBe(409);
    expect((await refusalOf(await one.send("PUT", `/v1/bundle/${id}?offset=-1`, "x"))).status).toBe(400);
    expect((await one.send("DELETE", `/v1/bundle/${id}`)).status).toBe(200);
    await open();
  });

  test("is believed by keys that are keys", async () => {
    const reply = await refusalOf(await one.send("PUT", "/v1/bundles", { TrustedKeys: ["s3cret"] }));
    expect(reply).toMatchObject({ status: 400 });
    expect(reply.lines.join("\n")).not.toContain("s3cret");
  });
});
