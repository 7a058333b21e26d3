import { describe, expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { readCredentials } from "../../../src/client/credentials.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();

const read = (env: Record<string, string> = {}, flags: Record<string, string> = {}) =>
  readCredentials({ flag: (name) => flags[name], env });

function put(name: string): string {
  writeFileSync(dir.file(name), `text of ${name}`);
  return dir.file(name);
}

describe("credentials", () => {
  test("are none unless somebody says so", () => {
    const tls = { ca: null, cert: null, key: null, serverName: null, insecure: false };
    expect(read()).toEqual({ token: null, tls });
    expect(read({ NOMAD_TOKEN: "", PADDOCK_TOKEN: " \n", NOMAD_SKIP_VERIFY: "" })).toEqual({ token: null, tls });
  });

  test("come from flags, then from our variables, then from Nomad's", () => {
    const env = { PADDOCK_TOKEN: "ours\n", NOMAD_TOKEN: "nomad's" };
    expect(read(env, { token: "flag's" }).token).toBe("flag's");
    expect(read(env).token).toBe("ours");
    expect(read({ NOMAD_TOKEN: "nomad's" }).token).toBe("nomad's");
    const whole = read({
      NOMAD_CACERT: put("ca"),
      NOMAD_CLIENT_CERT: put("cert"),
      NOMAD_CLIENT_KEY: put("key"),
      NOMAD_TLS_SERVER_NAME: "vm1",
      NOMAD_SKIP_VERIFY: "true",
    });
    expect(whole.tls).toEqual({
      ca: "text of ca",
      cert: "text of cert",
      key: "text of key",
      serverName: "vm1",
      insecure: true,
    });
    expect(read({ NOMAD_SKIP_VERIFY: "0" }, {}).tls.insecure).toBe(false);
    expect(read({}, { "tls-skip-verify": "" }).tls.insecure).toBe(true);
  });

  test.each([
    [{ PADDOCK_CACERT: "/nonexistent/ca.pem" }, {}, "cannot read PADDOCK_CACERT /nonexistent/ca.pem: no such file"],
    [{}, { "ca-cert": "/" }, "cannot read -ca-cert /: it is a directory"],
    [{ NOMAD_CLIENT_CERT: "/etc/hostname" }, {}, "-client-cert and -client-key: expected both or none"],
    [{ NOMAD_SKIP_VERIFY: "maybe" }, {}, 'NOMAD_SKIP_VERIFY: expected true or false, found "maybe"'],
  ])("that are none are called by where they were given", (env, flags, message) => {
    expect(() => read(env as Record<string, string>, flags as Record<string, string>)).toThrow(message);
  });
});
