import { describe, expect, test } from "bun:test";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import type { HttpConfig } from "../../../src/config/http.ts";
import { examineHttp } from "../../../src/doctor/http.ts";
import { makeTlsPlace } from "../../helpers/remote-api.ts";
import { tempPerTest } from "../../helpers/temp-per-test.ts";

const dir = tempPerTest();
const NOW = Date.now();

function look(change: Partial<HttpConfig>): string[] {
  const dirs = { dataDir: dir.file("data"), runDir: dir.file("run") };
  const usual = { addresses: [], port: 4646, advertise: null, tls: null, allowPlaintext: false, maxPerClient: 100 };
  return examineHttp({ http: { ...usual, ...change }, dirs }, NOW).map(({ level, message, remedy }) => {
    expect((level === "ok") === (remedy === null)).toBe(true);
    return `${level}: ${message}`;
  });
}

describe("who reaches the API", () => {
  test("is told for each address, and that it goes in the open where it does", () => {
    expect(look({})).toEqual(["ok: the API is served on its unix socket alone"]);
    expect(look({ addresses: ["127.0.0.1", "::1", "0.0.0.0"], allowPlaintext: true })).toEqual([
      "ok: the API is served at http://127.0.0.1:4646, to whoever has a token",
      "ok: the API is served at http://[::1]:4646, to whoever has a token",
      "warning: the API is served at http://0.0.0.0:4646, to whoever has a token, and tokens and jobs go over the network for all to read",
    ]);
  });

  test("is told with what is wrong with the certificate and its key", async () => {
    await using place = makeTlsPlace();
    const tls = place.files();
    const served = "ok: the API is served at https://0.0.0.0:4646, to whoever has a token";
    const at = { addresses: ["0.0.0.0"], tls };
    expect(look(at)).toEqual([served]);
    chmodSync(tls.keyFile, 0o644);
    expect(look(at)).toEqual([served, expect.stringMatching(/^warning: everybody on this host may read the key /)]);
    place.use(place.authority.issue("vm1", { from: 0, to: NOW - 1000 }));
    chmodSync(tls.keyFile, 0o600);
    expect(look(at)).toEqual([served, expect.stringMatching(/^problem: the certificate in .* has expired/)]);
    expect(look({ ...at, tls: { ...tls, keyFile: "/nonexistent" } })).toEqual([
      served,
      "problem: cannot read tls.key_file /nonexistent: no such file",
    ]);
  });

  test("is told where a file lets in more than it should", () => {
    for (const [part, name] of [
      ["run", "api.sock"],
      ["data", "audit.log"],
    ] as const) {
      mkdirSync(dir.file(part));
      writeFileSync(dir.file(part, name), "");
      chmodSync(dir.file(part, name), 0o660);
    }
    expect(look({})).toHaveLength(1);
    chmodSync(dir.file("run", "api.sock"), 0o666);
    chmodSync(dir.file("data", "audit.log"), 0o644);
    expect(look({})).toEqual([
      `problem: every user of this host may use the agent by ${dir.file("run", "api.sock")}`,
      `problem: every user of this host may read ${dir.file("data", "audit.log")}`,
      "ok: the API is served on its unix socket alone",
    ]);
  });
});
