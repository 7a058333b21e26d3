import { createWatchdog } from "../download/watchdog.ts";
import { artifactError, PassingTrouble } from "../failure.ts";
import type { GitPlan } from "./git-plan.ts";
import { basicAuthorization, ownUserAgent } from "./headers.ts";
import { followRedirects } from "./hops.ts";
import type { SourcePlan } from "./plan.ts";

/** Where a repository is, and who asks for it there. */
export interface Repository {
  readonly address: URL;
  /** Null where the credentials are for the host that sent us on. */
  readonly login: GitPlan["login"];
}

/** What git asks a server first. */
const BEGINNING = "/info/refs";
const SERVICE = "?service=git-upload-pack";

/**
 * Finds out where a server sends git to, each redirect checked as a download's is; git itself follows none, for it would go anywhere, and
 * take its credentials from https to http.
 * @param stallMillis longest silence of a server, in milliseconds.
 * @throws AppError `fetch`; the signal's reason.
 */
export async function findRepository(
  plan: SourcePlan,
  { address, login }: Repository,
  signal: AbortSignal,
  stallMillis: number,
): Promise<Repository> {
  const url = new URL(`${address.href.replace(/\/$/, "")}${BEGINNING}${SERVICE}`);
  const authorization = login === null ? {} : { authorization: basicAuthorization(login) };
  const headers = { "user-agent": `git/2 ${ownUserAgent}`, "accept-encoding": "identity", ...authorization };
  const ended = new AbortController();
  const watchdog = createWatchdog(stallMillis, () => {
    ended.abort(new PassingTrouble(plan.source, `no byte came for ${stallMillis / 1000} s`));
  });
  try {
    watchdog.arm();
    const end = await followRedirects(plan, { url, headers }, AbortSignal.any([signal, ended.signal]));
    const path = end.url.pathname.endsWith(BEGINNING) ? end.url.pathname.slice(0, -BEGINNING.length) : undefined;
    if (path === undefined || end.url.search !== SERVICE) {
      throw artifactError(
        plan.source,
        "the server redirects git to what is no repository",
        "check the address of the repository",
      );
    }
    const there = new URL(path, end.url);
    return { address: there, login: "authorization" in end.headers ? login : null };
  } finally {
    watchdog.disarm();
  }
}
