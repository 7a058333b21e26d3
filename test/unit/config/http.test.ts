import { describe, expect, test } from "bun:test";
import { completeHttp, hostPort, isLoopback } from "../../../src/config/http.ts";
import { emptyConfig, loadAgentConfig } from "../../../src/config/load.ts";

const read = (text: string) => {
  const { config, diagnostics } = loadAgentConfig("paddock.hcl", text);
  if (config === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return completeHttp(config);
};

const refusals = (text: string): string[] =>
  loadAgentConfig("paddock.hcl", text).diagnostics.map(({ where, message }) =>
    where === undefined ? message : `${where}.${message}`,
  );

const CERTIFICATE = 'cert_file = "/c.pem"\nkey_file = "/k.pem"';

describe("the API by TCP", () => {
  test("is nowhere unless the configuration says where", () => {
    expect(read("")).toMatchObject({ addresses: [], tls: null });
    expect(read("acl { enabled = true }\nlimits { http_max_conns_per_client = 7 }")).toMatchObject({
      addresses: [],
      maxPerClient: 7,
    });
  });

  test("is where Nomad's words say", () => {
    expect(read('bind_addr = "127.0.0.1"')).toMatchObject({ addresses: ["127.0.0.1"], port: 4646, tls: null });
    expect(
      read(`
        bind_addr = "10.0.0.1"
        addresses { http = "127.0.0.1  ::1 127.0.0.1" }
        ports { http = 8080 }
        advertise { http = "vm1.example.org:443" }`),
    ).toMatchObject({ addresses: ["127.0.0.1", "::1"], port: 8080, advertise: "vm1.example.org:443" });
    const tls = `bind_addr = "0.0.0.0"\ntls {\nhttp = true\nca_file = "/ca.pem"\n${CERTIFICATE}\n`;
    expect(read(`${tls}}`).tls).toEqual({ certFile: "/c.pem", keyFile: "/k.pem", clientCaFile: null });
    expect(read(`${tls}verify_https_client = true\n}`).tls?.clientCaFile).toBe("/ca.pem");
    expect(read('bind_addr = "0.0.0.0"\ntls { allow_plaintext = true }')).toMatchObject({
      tls: null,
      allowPlaintext: true,
    });
  });

  test.each([
    ['bind_addr = "0.0.0.0"', "bind_addr must be a loopback address without TLS, found 0.0.0.0"],
    ['bind_addr = "::"', "bind_addr must be a loopback address without TLS, found ::"],
    ['bind_addr = "127.0.0.1 192.0.2.1"', "bind_addr must be a loopback address without TLS, found 192.0.2.1"],
    [
      'addresses { http = "::ffff:127.0.0.1" }',
      "addresses.http must be a loopback address without TLS, found ::ffff:127.0.0.1",
    ],
    ['bind_addr = "localhost"', 'bind_addr must be IP addresses, found "localhost"'],
    ['bind_addr = "{{ GetPrivateIP }}"', 'bind_addr must be IP addresses, found "{{"'],
    ['bind_addr = "127.0.0.1"\nacl { enabled = false }', "acl.enabled must be true where bind_addr is set"],
    ["ports { http = 80 }", "ports.http must stand beside bind_addr"],
    [`tls {\nhttp = true\n${CERTIFICATE}\n}`, "tls.http must stand beside bind_addr"],
    [
      'bind_addr = "127.0.0.1"\ntls {\nhttp = true\nkey_file = "/k"\n}',
      "tls.cert_file must be set where TLS is to be spoken",
    ],
    [
      'bind_addr = "127.0.0.1"\ntls {\nhttp = true\ncert_file = "/c"\n}',
      "tls.key_file must be set where TLS is to be spoken",
    ],
    [`bind_addr = "127.0.0.1"\ntls {\n${CERTIFICATE}\n}`, "tls.http must be true where there is a certificate"],
    [
      `bind_addr = "127.0.0.1"\ntls {\nhttp = true\nverify_https_client = true\n${CERTIFICATE}\n}`,
      "tls.ca_file must be set where verify_https_client is",
    ],
    [
      'bind_addr = "127.0.0.1"\ntls {\nverify_https_client = true\nca_file = "/ca"\n}',
      "tls.http must be true where verify_https_client is",
    ],
    ['bind_addr = "127.0.0.1"\nadvertise { http = "vm1" }', 'advertise.http must be host:port, found "vm1"'],
  ])("is refused: %s", (text, refusal) => {
    expect(refusals(text)).toContain(refusal);
  });

  test("follows the flags where these say something, and is refused by the same rules", () => {
    const file = emptyConfig();
    expect(completeHttp(file, { bind: "127.0.0.1", httpPort: 99 })).toMatchObject({
      addresses: ["127.0.0.1"],
      port: 99,
    });
    const tls = { certFile: "/c", keyFile: "/k" };
    expect(completeHttp(file, { bind: "0.0.0.0", ...tls }).tls).toEqual({ ...tls, clientCaFile: null });
    expect(completeHttp(file, { bind: "0.0.0.0", ...tls, caFile: "/ca" }).tls?.clientCaFile).toBe("/ca");
    expect(() => completeHttp(file, { bind: "0.0.0.0" })).toThrow(
      "-bind must be a loopback address without TLS, found 0.0.0.0",
    );
    expect(() => completeHttp(file, { httpPort: 99 })).toThrow("ports.http must stand beside bind_addr");
    expect(() => completeHttp(file, { bind: "127.0.0.1", certFile: "/c" })).toThrow("tls.key_file must be set");
    // What the file leaves open a flag closes.
    expect(loadAgentConfig("p.hcl", "ports { http = 80 }", { bind: "127.0.0.1" }).diagnostics).toEqual([]);
  });
});

test("loopback is what only this host reaches", () => {
  expect(["127.0.0.1", "127.255.0.9", "::1"].map(isLoopback)).toEqual([true, true, true]);
  expect(["0.0.0.0", "::", "10.0.0.1", "128.0.0.1", "fe80::1"].map(isLoopback)).toEqual([
    false,
    false,
    false,
    false,
    false,
  ]);
});

test("an IPv6 address stands in brackets before a port", () => {
  expect([hostPort("::1", 1), hostPort("127.0.0.1", 2)]).toEqual(["[::1]:1", "127.0.0.1:2"]);
});
