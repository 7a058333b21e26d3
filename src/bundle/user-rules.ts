import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { DEFAULT_CONNECTIONS, readRules, type SourceRules, settleSources } from "../artifact/source/rules.ts";

/** Variables that a user's own programs for S3 take, too. */
const VARIABLES = [
  "AWS_ACCESS_KEY_ID",
  "AWS_SECRET_ACCESS_KEY",
  "AWS_SESSION_TOKEN",
  "AWS_REGION",
  "AWS_DEFAULT_REGION",
];

/**
 * What sources may have of a user who makes a bundle: what that user's other programs take without being told, which are proxies, keys
 * of S3 and a netrc file (`NETRC`, or the one at home), and a private authority where one is named.
 * @throws AppError `invalid` for a file that cannot be read.
 */
export function userRules(env: Readonly<Record<string, string | undefined>>, caFile: string | undefined): SourceRules {
  const home = env["HOME"] ? join(env["HOME"], ".netrc") : undefined;
  const netrc = env["NETRC"] || (home !== undefined && existsSync(home) ? home : undefined);
  const files = {
    netrcFile: netrc === undefined ? null : resolve(netrc),
    caFile: caFile === undefined ? null : resolve(caFile),
  };
  const nothing = { certFile: null, keyFile: null, filePaths: [], connections: DEFAULT_CONNECTIONS };
  const config = { ...files, ...nothing, environment: VARIABLES };
  return { ...readRules(settleSources(config, env, { dataDir: "/nowhere", runDir: "/nowhere" })), gitUid: null };
}
