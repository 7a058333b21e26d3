import { expect, test } from "bun:test";
import { completeConfig } from "../../../src/config/agent-config.ts";
import { emptyConfig } from "../../../src/config/load.ts";
import { advertised } from "../../../src/daemon/node-facts.ts";

const config = completeConfig(emptyConfig(), { dataDir: "/d", runDir: "/r" }, "host");

test.each([
  [[], null, "192.0.2.9", "unix:///r/api.sock"],
  [["127.0.0.1"], null, "192.0.2.9", "127.0.0.1:4646"],
  [["0.0.0.0"], null, "192.0.2.9", "192.0.2.9:4646"],
  [["::"], null, "2001:db8::9", "[2001:db8::9]:4646"],
  [["0.0.0.0"], null, undefined, "0.0.0.0:4646"],
  [["0.0.0.0"], "vm1.example.org:443", "192.0.2.9", "vm1.example.org:443"],
])("an agent at %p that advertises %p on a host with the address %p is at %s", (addresses, advertise, own, told) => {
  expect(advertised({ ...config, http: { ...config.http, addresses, advertise } }, own)).toBe(told);
});
