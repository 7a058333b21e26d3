import { describe, expect, test } from "bun:test";
import { createPrivateKey } from "node:crypto";
import { chmodSync, writeFileSync } from "node:fs";
import { readCertificate } from "../../../src/daemon/certificates.ts";
import { makeAuthority } from "../../helpers/certificates.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
const NOW = Date.now();
const DAY = 86_400_000;
const authority = makeAuthority();

function put(name: string, text: string, mode = 0o600): string {
  const path = dir.file(name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

function files(
  change: { readonly cert?: string; readonly key?: string; readonly ca?: string; readonly mode?: number } = {},
) {
  const made = authority.issue("vm1", { for: ["VM1.example.org", "*.lab.example.org", "192.0.2.1"] });
  return {
    certFile: put("cert.pem", change.cert ?? made.cert),
    keyFile: put("key.pem", change.key ?? made.key, change.mode),
    clientCaFile: change.ca === undefined ? null : put("ca.pem", change.ca),
  };
}

describe("a certificate", () => {
  test("is read with its key, its names and the authority of clients", () => {
    const { tls, names, warnings } = readCertificate(files({ ca: authority.cert }), NOW);
    expect(names).toEqual(["vm1.example.org", "*.lab.example.org"]);
    expect(warnings).toEqual([]);
    expect(tls.clientCa).toBe(authority.cert);
    expect(tls.key).toContain("PRIVATE KEY");
  });

  test("that has expired, is not good yet or soon no more is told of, and the agent goes on", () => {
    const at = (from: number, to: number) => {
      const { cert, key } = authority.issue("vm1", { from: NOW + from * DAY, to: NOW + to * DAY });
      return readCertificate(files({ cert, key }), NOW).warnings.map((line) => line.replace(/^.*cert\.pem/, "…"));
    };
    expect(at(-9, -1)).toEqual([expect.stringMatching(/^… has expired on \S+Z: clients refuse it$/)]);
    expect(at(1, 9)).toEqual([expect.stringMatching(/^… is good from \S+Z on, and not yet: clients refuse it$/)]);
    expect(at(-1, 13)).toEqual([expect.stringMatching(/^… expires on \S+Z$/)]);
    expect(at(-1, 15)).toEqual([]);
  });

  test("whose key everybody may read is told of", () => {
    expect(readCertificate(files({ mode: 0o644 }), NOW).warnings).toEqual([
      expect.stringContaining("everybody on this host may read the key"),
    ]);
    expect(readCertificate(files({ mode: 0o640 }), NOW).warnings).toEqual([]);
  });

  test.each([
    [
      "the key of another",
      () => files({ key: authority.issue("other").key }),
      "it is not the key of the certificate in",
    ],
    ["a key that is none", () => files({ key: "s3cret" }), "expected a private key in PEM"],
    ["a key with a password", () => files({ key: locked() }), "it has a password, which nobody is there to type"],
    ["a certificate that is none", () => files({ cert: "s3cret" }), "expected a certificate in PEM"],
    ["an authority that is none", () => files({ ca: "s3cret" }), "tls.ca_file"],
    [
      "no file",
      () => ({ ...files(), keyFile: "/nonexistent/key.pem" }),
      "cannot read tls.key_file /nonexistent/key.pem: no such file",
    ],
    ["a directory", () => ({ ...files(), certFile: dir.path }), "it is a directory"],
    ["endless zeros", () => ({ ...files(), certFile: "/dev/zero" }), "found more than a MiB"],
  ])("is refused by its file and without its text: %s", (_, make, message) => {
    let told = "";
    try {
      readCertificate(make(), NOW);
    } catch (error) {
      told = error instanceof Error ? error.message : "";
    }
    expect(told).toContain(message);
    expect(told).toMatch(/tls\.\w+_file/);
    expect(told).not.toContain("s3cret");
  });
});

function locked(): string {
  const key = createPrivateKey(authority.issue("x").key);
  return key.export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "s3cret" }).toString();
}
