import { accessSync, constants, statSync } from "node:fs";
import { errnoOf } from "../base/errors.ts";
import { escapeControls } from "../base/text.ts";
import type { Finding } from "../cli/text/finding.ts";
import type { AgentConfig } from "../config/agent-config.ts";

/** What the configuration names on this host and an agent could not use: it would start, and jobs would fail. */
export function examineNamedPaths({
  artifact,
  site,
  policy,
}: Pick<AgentConfig, "artifact" | "site" | "policy">): readonly Finding[] {
  const files: readonly (readonly [key: string, path: string | null])[] = [
    ["client.trusted_keys", site.trustedKeys],
    ["client.artifact.ca_file", artifact.caFile],
    ["client.artifact.cert_file", artifact.certFile],
    ["client.artifact.key_file", artifact.keyFile],
    ["client.artifact.netrc_file", artifact.netrcFile],
  ];
  return [
    ...files.flatMap(([key, path]) => (path === null ? [] : examine(key, path, "file", "problem"))),
    ...artifact.filePaths.flatMap((path) => examine("client.artifact.file_paths", path, "directory", "warning")),
    ...policy.imagePaths.flatMap((path) => examine("image_paths", path, "directory", "warning")),
  ];
}

function examine(key: string, path: string, kind: "file" | "directory", level: "problem" | "warning"): Finding[] {
  const why = troubleWith(path, kind);
  if (why === undefined) return [];
  const remedy = `put a ${kind} there that the agent may read, or take it out of the configuration`;
  return [{ check: "config", level, message: `${key} names ${escapeControls(path)}, ${why}`, remedy }];
}

function troubleWith(path: string, kind: "file" | "directory"): string | undefined {
  try {
    const stat = statSync(path);
    if (kind === "file" ? !stat.isFile() : !stat.isDirectory()) return `which is no ${kind}`;
    accessSync(path, constants.R_OK);
    return undefined;
  } catch (error) {
    const code = errnoOf(error);
    if (code === undefined) throw error;
    return code === "ENOENT" ? "which is not there" : `which cannot be read: ${code}`;
  }
}
