import { expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { completeConfig } from "../../../src/config/agent-config.ts";
import { emptyConfig } from "../../../src/config/load.ts";
import { examineNamedPaths } from "../../../src/doctor/named-paths.ts";
import { tempDir } from "../../helpers/temp.ts";

const config = completeConfig(emptyConfig(), { dataDir: "/d", runDir: "/r" }, "host");

test("a configuration that names nothing of the host has nothing to be told of", () => {
  expect(examineNamedPaths(config)).toEqual([]);
});

test("what a configuration names and an agent could not read is told by its key, with what to do", async () => {
  await using dir = tempDir();
  mkdirSync(dir.file("images"));
  writeFileSync(dir.file("ca.pem"), "");
  const { artifact, site, policy } = config;
  const found = examineNamedPaths({
    artifact: {
      ...artifact,
      caFile: dir.file("ca.pem"),
      netrcFile: dir.file("images"),
      filePaths: [dir.file("ca.pem")],
    },
    site: { ...site, trustedKeys: dir.file("none.pub") },
    policy: { ...policy, imagePaths: [dir.file("images"), dir.file("gone")] },
  });
  expect(found.map(({ check, level, message }) => [check, level, message])).toEqual([
    ["config", "problem", `client.trusted_keys names ${dir.file("none.pub")}, which is not there`],
    ["config", "problem", `client.artifact.netrc_file names ${dir.file("images")}, which is no file`],
    ["config", "warning", `client.artifact.file_paths names ${dir.file("ca.pem")}, which is no directory`],
    ["config", "warning", `image_paths names ${dir.file("gone")}, which is not there`],
  ]);
  expect(found[0]?.remedy).toBe("put a file there that the agent may read, or take it out of the configuration");
});
