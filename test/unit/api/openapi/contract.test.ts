import { expect, test } from "bun:test";
import type { Api } from "../../../../src/api/app.ts";
import { heldToContract } from "../../../helpers/contract.ts";

const INDEX = { "x-nomad-index": "1" };

function replying(reply: Response): Pick<Api, "fetch"> {
  const answer = async (): Promise<Response> => reply;
  return heldToContract({ routes: [], fetch: answer, fetchRemote: answer });
}

const ask = async (path: string, reply: Response): Promise<Response> =>
  await replying(reply).fetch(new Request(`http://localhost${path}`));

test("a reply that is as its route is described passes, and can still be read", async () => {
  const reply = await ask("/v1/regions", Response.json(["global"], { headers: INDEX }));
  expect(await reply.json()).toEqual(["global"]);
  expect(
    (
      await ask(
        "/v1/job/web",
        new Response("job not found", { status: 404, headers: { "content-type": "text/plain" } }),
      )
    ).status,
  ).toBe(404);
});

test.each([
  ["is no value of its schema", "/v1/regions", Response.json([1], { headers: INDEX })],
  ["has more than its schema tells", "/v1/evaluations/count", Response.json({ Count: 1, More: 2 }, { headers: INDEX })],
  ["has another content type", "/v1/regions", new Response("global", { headers: INDEX })],
  ["has no index", "/v1/regions", Response.json(["global"])],
  ["has another status", "/v1/regions", Response.json(["global"], { status: 201, headers: INDEX })],
  [
    "is an error that the route does not have",
    "/v1/regions",
    new Response("no", { status: 409, headers: { "content-type": "text/plain" } }),
  ],
  ["is an error in JSON", "/v1/job/web", Response.json({}, { status: 404 })],
  ["is of a path that nothing describes", "/v1/other", Response.json({})],
])("a reply that %s fails the test that asked", async (_, path, reply) => {
  let failure: unknown;
  await ask(path, reply).catch((error: unknown) => {
    failure = error;
  });
  expect(failure).toBeInstanceOf(Error);
});
