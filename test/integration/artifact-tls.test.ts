import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { artifactBench, BODY, sum } from "../helpers/artifact.ts";

const here = artifactBench();
const { get, expectFailure } = here;

describe("TLS", () => {
  const tls = {
    key: readFileSync(join(import.meta.dirname, "artifact", "localhost.key"), "utf8"),
    cert: readFileSync(join(import.meta.dirname, "artifact", "localhost.crt"), "utf8"),
  };

  test("a certificate that nobody vouches for is refused, unless insecure is true", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response(BODY) });
    try {
      const url = `https://127.0.0.1:${server.port}/a.img`;
      const error = await expectFailure(get(url), "the server's certificate is not trusted (");
      expect(error.hint).toContain("insecure = true");
      expect((await get(url, { insecure: true })).checksum).toBe(sum("sha256"));
    } finally {
      await server.stop(true);
    }
  });

  test("an authority of the agent's configuration is trusted, besides those of the host", async () => {
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls, fetch: () => new Response(BODY) });
    try {
      const rules = { tls: { ca: tls.cert, cert: null, key: null } };
      const acquired = await get(`https://127.0.0.1:${server.port}/a.img`, { rules });
      expect(acquired.checksum).toBe(sum("sha256"));
    } finally {
      await server.stop(true);
    }
  });

  // Its own authority, so that nothing but what is wrong with it is.
  test.each([
    ["that has expired", "expired", "the server's certificate has expired", "renew it"],
    ["of another host", "other-host", "the server's certificate is for another host", "name the server as"],
  ])("a certificate %s is refused although somebody vouches for it", async (_, name, message, hint) => {
    const cert = readFileSync(join(import.meta.dirname, "artifact", `${name}.crt`), "utf8");
    const own = { key: tls.key, cert };
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: own, fetch: () => new Response(BODY) });
    try {
      const rules = { tls: { ca: cert, cert: null, key: null } };
      const url = `https://127.0.0.1:${server.port}/a.img`;
      expect((await expectFailure(get(url, { rules }), message)).hint).toContain(hint);
    } finally {
      await server.stop(true);
    }
  });

  test("a server that asks who is there gets the certificate of the agent's configuration", async () => {
    const asking = { ...tls, ca: tls.cert, requestCert: true, rejectUnauthorized: true };
    const server = Bun.serve({ port: 0, hostname: "127.0.0.1", tls: asking, fetch: () => new Response(BODY) });
    try {
      const url = `https://127.0.0.1:${server.port}/a.img`;
      const stranger = { tls: { ca: tls.cert, cert: null, key: null } };
      await expectFailure(get(url, { rules: stranger }), "artifact https://127.0.0.1");
      const known = { tls: { ca: tls.cert, cert: tls.cert, key: tls.key } };
      expect((await get(url, { rules: known })).checksum).toBe(sum("sha256"));
    } finally {
      await server.stop(true);
    }
  });
});
