import { expect, test } from "bun:test";
import { serveCliApi, spawnCli } from "../helpers/cli-api.ts";

test("without an agent the message names the sockets and how to start one", async () => {
  await using api = serveCliApi();
  const cli = spawnCli(["ps"], { PADDOCK_ADDR: "", NOMAD_ADDR: "", XDG_RUNTIME_DIR: api.dir });
  const { code, stderr } = await cli.ended();
  expect(code).toBe(1);
  expect(stderr).toStartWith("Error: no agent answers; tried:\n  ");
  expect(stderr).toContain("/run/paddock/api.sock: ");
  expect(stderr).toContain("\nhint: start one with: paddock agent");
  expect(await api.run(["ps", "-address", "/nonexistent/api.sock"])).toMatchObject({
    code: 1,
    stderr: expect.stringContaining("no agent answers at unix:///nonexistent/api.sock: no such socket"),
  });
});
