import { createHash } from "node:crypto";
import { DEFAULT_TYPE } from "../../cache/checksum.ts";
import type { ArtifactPlan } from "../plan.ts";

/** What this program calls itself, in any version. */
const OURS = /^paddock\//;

/**
 * What makes two requests ask for the same bytes, as 32 hex digits that tell no secret of them. Not our own name, which an upgrade
 * changes. What came from a server whose certificate nobody checked is not for others; the kind of checksum counts because parts,
 * journals and entries are hashed by that kind.
 */
export function requestOf({
  url,
  headers,
  insecure,
  checksum,
  via,
}: Pick<ArtifactPlan, "url" | "headers" | "insecure" | "checksum" | "via">): string {
  const others = Object.entries(headers).filter(([name, value]) => name !== "user-agent" || !OURS.test(value));
  // What one may have another may not: only the same key shares a download.
  const text = JSON.stringify([url, others.sort(), insecure, checksum?.type ?? DEFAULT_TYPE, ...askerOf(via)]);
  return createHash("sha256").update(text).digest("hex").slice(0, 32);
}

function askerOf(via: ArtifactPlan["via"]): unknown[] {
  if (via.kind === "s3") return [via.credentials?.keyId, via.credentials?.secret];
  if (via.kind === "git") return ["git", via.ref, via.login, via.sshKey];
  return [];
}
