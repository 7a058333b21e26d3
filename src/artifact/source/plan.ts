import { AppError } from "../../base/errors.ts";
import type { ArtifactSource } from "../../job/artifact-source.ts";
import type { Artifact } from "../../job/job.ts";
import type { TlsIdentity } from "../../runtime/fetch.ts";
import { redactSource } from "../redact.ts";
import { type GitPlan, planGit } from "./git-plan.ts";
import { headersAfterRedirect, planHeaders } from "./headers.ts";
import { refuseOptions, sendOptions } from "./magic.ts";
import type { Proxies } from "./proxy.ts";
import type { SourceRules } from "./rules.ts";
import { planS3, type S3Plan } from "./s3-plan.ts";

/** How a file is asked for, decided before a byte moves. Plain data: it travels to a Worker. */
export interface SourcePlan {
  /** The source for messages and logs, without its secrets. */
  readonly source: string;
  /** What is requested: no user info, no parameters of go-getter's own. May hold secrets in its query; never printed. */
  readonly url: string;
  /** Names in lower case; may hold secrets; never printed. */
  readonly headers: Readonly<Record<string, string>>;
  /** True leaves the server's certificate unchecked. */
  readonly insecure: boolean;
  readonly transport: Transport;
  readonly via: Via;
}

/** What is asked for it. */
export type Via =
  | { readonly kind: "http" }
  /** By HTTP, each request signed unless `credentials` are null; may hold secrets. */
  | ({ readonly kind: "s3" } & Pick<S3Plan, "region" | "credentials">)
  /** By the host's git. */
  | ({ readonly kind: "git" } & GitPlan)
  /** This host itself: the directories whose files a job may have, and those of the agent, of which it may have none. */
  | { readonly kind: "file"; readonly roots: readonly string[]; readonly agentDirs: readonly string[] };

/** What the agent brings to a connection. */
export interface Transport {
  readonly tls: TlsIdentity;
  readonly proxies: Proxies;
  /** Most of them at the same time for one file, from 1. */
  readonly connections: number;
}

/** What of an artifact belongs to how it is asked for. */
export type Asking = Pick<Artifact, "options" | "headers" | "insecure">;

/**
 * Decides how a source is asked.
 * @param source what is told of it.
 * @param url its address, without the parameters that are not the source's own.
 * @param asking `options` without those.
 * @throws AppError `invalid`, `unsupported`.
 */
export function planSource(
  source: string,
  kind: ArtifactSource["kind"],
  url: URL,
  { options, headers, insecure }: Asking,
  rules: SourceRules,
): SourcePlan {
  if (kind === "file") return planFile(source, url, options, rules);
  if (kind === "s3") {
    refuseHeaders(kind, headers);
    const { url: address, headers: own, region, credentials } = planS3(url, options, rules);
    const via: Via = { kind, region, credentials };
    return { source, url: address, headers: own, insecure, transport: transportOf(rules), via };
  }
  if (kind === "git") {
    refuseHeaders(kind, headers);
    const via: Via = { kind, ...planGit(url, options, rules) };
    return { source, url: url.href, headers: {}, insecure, transport: transportOf(rules), via };
  }
  sendOptions(url, options);
  const planned = planHeaders(headers, url, rules.netrc);
  clearUserInfo(url);
  return { source, url: url.href, headers: planned, insecure, transport: transportOf(rules), via: { kind: "http" } };
}

function planFile(source: string, url: URL, options: Readonly<Record<string, string>>, rules: SourceRules): SourcePlan {
  if (url.host !== "") {
    throw new AppError("invalid", "a file of this host has an address without a host", {
      hint: "write three slashes: file:///directory/name",
    });
  }
  refuseOptions("file", url, options);
  const via: Via = { kind: "file", roots: rules.filePaths, agentDirs: rules.agentDirs };
  return { source, url: url.href, headers: {}, insecure: false, transport: transportOf(rules), via };
}

function refuseHeaders(kind: string, headers: Asking["headers"]): void {
  if (Object.keys(headers).length === 0) return;
  throw new AppError("invalid", `headers mean nothing to a source of ${kind}::`, { hint: "leave them out" });
}

function transportOf({ tls, proxies, connections }: SourceRules): Transport {
  return { tls, proxies, connections };
}

/**
 * A file beside an artifact, such as one of checksums: the job's headers go there only where they would go by a redirect.
 * @throws AppError `invalid`, `unsupported`.
 */
export function planBeside(
  text: string,
  { kind, address }: Pick<ArtifactSource, "kind" | "address">,
  artifact: { readonly url: string; readonly asking: Pick<Asking, "headers" | "insecure"> },
  rules: SourceRules,
): SourcePlan {
  const url = parseAddress(address);
  const lower = Object.fromEntries(
    Object.entries(artifact.asking.headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  const headers = headersAfterRedirect(lower, new URL(artifact.url), url);
  return planSource(redactSource(text), kind, url, { ...artifact.asking, headers, options: {} }, rules);
}

/** @throws AppError `invalid` for what is no URL. */
export function parseAddress(address: string): URL {
  const url = URL.parse(address);
  if (url === null) throw new AppError("invalid", "source is not a valid URL");
  return url;
}

function clearUserInfo(url: URL): void {
  url.username = "";
  url.password = "";
  url.hash = "";
}
