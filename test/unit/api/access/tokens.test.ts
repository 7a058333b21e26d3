import { expect, test } from "bun:test";
import * as v from "valibot";
import { TokenSchema, TokenStubSchema } from "../../../../src/contract/token.ts";
import { refusalOf, testApi } from "../../../helpers/api.ts";

test("a token is made, listed, shown without its secret and revoked by Nomad's requests", async () => {
  const one = testApi();
  const made = await one.write(TokenSchema, "PUT", "/v1/acl/token", {
    // As Nomad's Go client sends it.
    ...{ AccessorID: "", SecretID: "", Name: "ci", Type: "client", Policies: ["operate"], Roles: null, Global: false },
    ...{ Hash: null, CreateTime: "0001-01-01T00:00:00Z", ExpirationTTL: "1h0m0s", CreateIndex: 0, ModifyIndex: 0 },
  });
  expect(made).toMatchObject({ Name: "ci", Type: "client", Policies: ["operate"] });
  expect(Date.parse(made.ExpirationTime ?? "") - Date.parse(made.CreateTime)).toBe(3_600_000);
  expect(one.agent.tokens.find(made.SecretID)?.accessor).toBe(made.AccessorID);
  const admin = await one.write(TokenSchema, "POST", "/v1/acl/token", { Type: "management" });
  expect(admin).toMatchObject({ Type: "management", Policies: null, ExpirationTime: null });
  const listed = await one.read(v.array(TokenStubSchema), "/v1/acl/tokens");
  expect(listed.map(({ AccessorID }) => AccessorID)).toEqual([made.AccessorID, admin.AccessorID]);
  expect(
    await one.read(v.array(TokenStubSchema), `/v1/acl/tokens?prefix=${made.AccessorID.slice(0, 12)}`),
  ).toHaveLength(1);
  const shown = await one.read(TokenSchema, `/v1/acl/token/${made.AccessorID}`);
  expect(shown).toEqual({ ...made, SecretID: "" });
  expect(JSON.stringify(listed)).not.toContain(made.SecretID);
  expect((await one.send("DELETE", `/v1/acl/token/${made.AccessorID}`)).status).toBe(200);
  expect(one.agent.tokens.find(made.SecretID)).toBeUndefined();
  expect((await refusalOf(await one.send("DELETE", `/v1/acl/token/${made.AccessorID}`))).status).toBe(404);
  expect((await refusalOf(await one.send("GET", `/v1/acl/token/${made.AccessorID}`))).status).toBe(404);
});

for (const body of [
  { Type: "client", Policies: [] },
  { Type: "client", Policies: ["root"] },
  { Type: "client", Policies: ["read", "operate"] },
  { Type: "client", Policies: ["admin", "read"] },
  { Type: "management", Policies: ["read"] },
  { Type: "client", Policies: ["read"], Roles: [{ Name: "x" }] },
  { Type: "client", Policies: ["read"], ExpirationTTL: "soon" },
  { Type: "client", Policies: ["read"], ExpirationTTL: 5 },
  { Type: "client", Policies: ["read"], ExpirationTTL: 1e22 },
  { Type: "client", Policies: ["read"], ExpirationTTL: "-1h" },
  { Type: "client", Policies: ["read"], ExpirationTime: "2040-01-01T00:00:00Z" },
]) {
  test(`a token is not made of ${JSON.stringify(body)}`, async () => {
    const one = testApi();
    const { status, lines } = await refusalOf(await one.send("PUT", "/v1/acl/token", body));
    expect(status).toBe(400);
    expect(lines[1]).toStartWith("hint: ");
    expect(one.agent.tokens.list()).toEqual([]);
  });
}

test("whoever asks for its own token over the unix socket is told that it may do everything", async () => {
  const self = await testApi().read(TokenSchema, "/v1/acl/token/self");
  expect(self).toMatchObject({ Name: "unix socket", Type: "management", SecretID: "" });
});

test("a token cannot be changed, and the reply says what to do", async () => {
  const one = testApi();
  const reply = await one.send("PUT", "/v1/acl/token/6f1d9b52-0000-4000-8000-000000000001", { Name: "x" });
  expect(await refusalOf(reply)).toEqual({
    status: 501,
    lines: ["not supported: changing a token: revoke it and create another one"],
  });
});
