import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readProxies } from "../../src/artifact/source/proxy.ts";
import { artifactBench, BODY, sum } from "../helpers/artifact.ts";
import { freePort } from "../helpers/ports.ts";
import { startProxy } from "../helpers/proxy.ts";

const here = artifactBench();
const { get, getByWorker, expectFailure } = here;
const by = (env: Record<string, string>) => ({ rules: { proxies: readProxies(env) } });

describe("a proxy", () => {
  test("is asked for http with its own credentials, in a Worker too", async () => {
    await using proxy = await startProxy(here.origin.port);
    const env = { http_proxy: `http://me:pw@127.0.0.1:${proxy.port}` };
    const acquired = await getByWorker("http://images.invalid/a.img", by(env));
    expect(acquired.checksum).toBe(sum("sha256"));
    const basic = Buffer.from("me:pw").toString("base64");
    expect(proxy.heads).toHaveLength(1);
    expect(proxy.heads[0]).toStartWith("GET http://images.invalid/a.img HTTP/1.1");
    expect(proxy.heads[0]?.toLowerCase()).toContain(`proxy-authorization: basic ${basic.toLowerCase()}`);
  });

  test("is asked for a tunnel for https, and sees nothing of what goes through", async () => {
    const tls = {
      key: readFileSync(join(import.meta.dirname, "artifact", "localhost.key"), "utf8"),
      cert: readFileSync(join(import.meta.dirname, "artifact", "localhost.crt"), "utf8"),
    };
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response(BODY) });
    try {
      await using proxy = await startProxy(server.port ?? 0);
      const env = { HTTPS_PROXY: `http://127.0.0.1:${proxy.port}` };
      const wanted = { ...by(env), insecure: true, headers: { Authorization: "Bearer s3cret" } };
      const acquired = await get("https://images.invalid/a.img", wanted);
      expect(acquired.checksum).toBe(sum("sha256"));
      expect(proxy.heads).toHaveLength(1);
      expect(proxy.heads[0]).toStartWith("CONNECT images.invalid:443 HTTP/1.1");
      expect(proxy.heads[0]).not.toContain("s3cret");
    } finally {
      await server.stop(true);
    }
  });

  test("is left out for this host and for what NO_PROXY names", async () => {
    await using proxy = await startProxy(here.origin.port);
    const env = { http_proxy: `http://127.0.0.1:${proxy.port}`, no_proxy: "images.invalid" };
    await get(here.origin.url("/a.img?filename=b"), by(env));
    expect(proxy.heads).toEqual([]);
    const hosts = by(env);
    const error = await get("http://images.invalid/a.img", hosts).catch((thrown: Error) => thrown);
    expect(String(error)).toContain("the host name cannot be resolved");
    expect(proxy.heads).toEqual([]);
  });

  test("of the process's environment is none that the plan does not have", async () => {
    await using proxy = await startProxy(here.origin.port);
    process.env["http_proxy"] = `http://127.0.0.1:${proxy.port}`;
    const error = await get("http://images.invalid/a.img").catch((thrown: Error) => thrown);
    expect(String(error)).toContain("the host name cannot be resolved");
    expect(proxy.heads).toEqual([]);
  });

  test("that does not answer is named, without its credentials", async () => {
    const port = await freePort();
    const env = { http_proxy: `http://me:s3cret@127.0.0.1:${port}` };
    const failing = get("http://images.invalid/a.img", by(env));
    const error = await expectFailure(failing, `(by the proxy http://127.0.0.1:${port}): connection refused`);
    expect(error.message).not.toContain("s3cret");
  });
});
