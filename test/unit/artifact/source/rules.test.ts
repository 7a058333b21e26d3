import { expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { readRules, settleSources } from "../../../../src/artifact/source/rules.ts";
import { NO_SOURCES } from "../../../helpers/sources.ts";
import { tempPerTest } from "../../../helpers/temp-per-test.ts";

const dir = tempPerTest();

const DIRS = { dataDir: "/data", runDir: "/run/p" };

test("sources get of the environment what the configuration names, and the proxies", () => {
  const env = { AWS_REGION: "r", AWS_SECRET_ACCESS_KEY: "s", HTTP_PROXY: "http://p:1" };
  const settled = settleSources({ ...NO_SOURCES, environment: ["AWS_REGION", "AWS_PROFILE"] }, env, DIRS);
  expect(settled).toMatchObject({ environment: { AWS_REGION: "r" }, proxies: { http: "http://p:1", https: null } });
  expect(settled.agentDirs).toEqual(["/data", "/run/p"]);
});

test("files of the configuration are read anew each time, and none is no mistake", () => {
  expect(readRules(settleSources(NO_SOURCES, {}, DIRS))).toMatchObject({
    netrc: "",
    tls: { ca: null, cert: null, key: null },
  });
  const settings = settleSources({ ...NO_SOURCES, netrcFile: dir.file("netrc"), caFile: dir.file("ca") }, {}, DIRS);
  writeFileSync(dir.file("netrc"), "one");
  writeFileSync(dir.file("ca"), "PEM");
  expect(readRules(settings)).toMatchObject({ netrc: "one", tls: { ca: "PEM" } });
  writeFileSync(dir.file("netrc"), "two");
  expect(readRules(settings).netrc).toBe("two");
});

test("a file that is not there, or no such file, is told by the configuration's key", () => {
  const settings = settleSources({ ...NO_SOURCES, keyFile: dir.file("key") }, {}, DIRS);
  expect(() => readRules(settings)).toThrow(`client.artifact.key_file "${dir.file("key")}" cannot be read: ENOENT`);
  writeFileSync(dir.file("key"), "");
  truncateSync(dir.file("key"), 2 << 20);
  expect(() => readRules(settings)).toThrow("expected at most 1048576 bytes");
});
