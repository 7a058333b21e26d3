import { AppError } from "../../base/errors.ts";
import { decodePart, refuseOptions, takeParameters } from "./magic.ts";
import { findLogin, type NetrcLogin } from "./netrc.ts";
import type { SourceRules } from "./rules.ts";

/** How a repository is asked for its files. Plain data; may hold secrets. */
export interface GitPlan {
  /** Null is the default branch. */
  readonly ref: string | null;
  /** For `http` and `https`. */
  readonly login: NetrcLogin | null;
  /** A private key for `ssh`, as ssh reads it. */
  readonly sshKey: string | null;
  /** Directories whose repositories a job may name, and those of the agent, of which it may have none. */
  readonly roots: readonly string[];
  readonly agentDirs: readonly string[];
  /** Uid and gid that git of root runs as; null is root. */
  readonly uid: number | null;
  /** What else of the agent's environment git gets. */
  readonly environment: Readonly<Record<string, string>>;
}

/** go-getter's parameters of a git source (NOMAD.md 3.3). */
const PARAMETERS = ["ref", "depth", "sshkey"] as const;

/** What git takes for a name of a branch or a tag, or for a commit, without its ways to say "the one before" or "all". */
const REF = /^(?!-)(?!.*(\.\.|@\{|\/\/|\.lock$|[/.]$))[A-Za-z0-9._/+@#%=,-]{1,200}$/;

/**
 * Decides how a repository is asked. Takes the user info out of the URL, except the name that ssh needs.
 * @throws AppError `invalid`.
 */
export function planGit(url: URL, options: Readonly<Record<string, string>>, rules: SourceRules): GitPlan {
  const { taken, others } = takeParameters(url, options, PARAMETERS);
  refuseOptions("git", url, others);
  const { ref, depth, sshkey } = taken;
  if (ref !== undefined && !REF.test(ref)) {
    throw new AppError("invalid", `ref: expected a branch, a tag or a commit, found ${JSON.stringify(ref)}`);
  }
  if (depth !== undefined && !/^\d{1,9}$/.test(depth)) {
    throw new AppError("invalid", `depth: expected a whole number, found ${JSON.stringify(depth)}`);
  }
  if (/^-/.test(decodePart(url.hostname, "host"))) throw new AppError("invalid", "a host's name begins with no dash");
  const scheme = url.protocol.slice(0, -1);
  if (scheme === "file" && url.host !== "") {
    throw new AppError("invalid", "a repository of this host has an address without a host", {
      hint: "write three slashes: git::file:///directory/name",
    });
  }
  if (sshkey !== undefined && scheme !== "ssh") {
    throw new AppError("invalid", `sshkey means nothing to ${scheme}://`, { hint: "leave it out" });
  }
  const login = scheme === "ssh" ? settleSshUser(url) : takeLogin(url, rules);
  const { filePaths, agentDirs, environment, gitUid } = rules;
  const sshKey = sshkey === undefined ? null : decodeKey(sshkey);
  return {
    ref: ref === undefined || ref === "HEAD" ? null : ref,
    login,
    sshKey,
    roots: filePaths,
    agentDirs,
    uid: gitUid,
    environment,
  };
}

function settleSshUser(url: URL): null {
  if (url.password !== "") {
    throw new AppError("invalid", "ssh takes no password in a URL", { hint: "give a key: sshkey in options" });
  }
  if (!/^[A-Za-z0-9._-]*$/.test(url.username) || url.username.startsWith("-")) {
    throw new AppError("invalid", "the user of an ssh:// source holds a character that none has");
  }
  return null;
}

function takeLogin(url: URL, { netrc }: SourceRules): NetrcLogin | null {
  const given = url.username !== "" || url.password !== "";
  const own = { login: decodePart(url.username, "user info"), password: decodePart(url.password, "user info") };
  url.username = "";
  url.password = "";
  const login = given ? own : (findLogin(netrc, url.hostname) ?? null);
  // git hands them to curl in a netrc file, which has no way to write these.
  if (login !== null && /[\s"\\]/.test(login.login + login.password)) {
    throw new AppError("invalid", "git credentials with spaces, quotes or backslashes are not supported");
  }
  return login;
}

function decodeKey(base64: string): string {
  const text = Buffer.from(base64, "base64").toString("latin1");
  if (/^-----BEGIN [A-Z ]*PRIVATE KEY-----\n/.test(text)) return text.endsWith("\n") ? text : `${text}\n`;
  throw new AppError("invalid", "sshkey: expected a private key in base64", {
    hint: "base64 -w0 ~/.ssh/id_ed25519 prints one",
  });
}
