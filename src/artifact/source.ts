import { STATUS_CODES } from "node:http";
import type { AppError } from "../base/errors.ts";
import { fetchStream } from "../runtime/fetch.ts";
import { artifactError, networkError } from "./failure.ts";
import { headersAfterRedirect } from "./headers.ts";
import { isLinkLocal } from "./link-local.ts";
import { type ArtifactPlan, archiveSuffix } from "./plan.ts";
import { redactSource } from "./redact.ts";

/** What an artifact's source gives to the sinks. */
export interface Source {
  readonly stream: ReadableStream<Uint8Array>;
  /** Bytes that must come, null when the source cannot tell. */
  readonly length: number | null;
}

/** As many as Go's client follows. */
const MAX_REDIRECTS = 10;

const REDIRECTS = [301, 302, 303, 307, 308];

interface Hop {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * Asks for an artifact over HTTP, following redirects by hand, each checked before it is followed.
 * @param signal its reason is thrown when it aborts.
 * @throws AppError `fetch` for everything but a plain 200.
 */
export async function openHttpSource(plan: ArtifactPlan, signal: AbortSignal): Promise<Source> {
  let hop: Hop = { url: new URL(plan.url), headers: plan.headers };
  for (let redirects = 0; ; redirects++) {
    const response = await request(plan, hop, signal);
    if (!REDIRECTS.includes(response.status)) return await acceptReply(plan, hop, response);
    await discardBody(response);
    if (redirects === MAX_REDIRECTS) {
      throw artifactError(plan.source, `more than ${MAX_REDIRECTS} redirects, the last to ${redactSource(hop.url)}`);
    }
    hop = await followRedirect(plan, hop, response);
  }
}

async function request(plan: ArtifactPlan, hop: Hop, signal: AbortSignal): Promise<Response> {
  try {
    return await fetchStream(hop.url.href, { headers: hop.headers, signal, insecure: plan.insecure });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    throw networkError(describeHop(plan, hop), error);
  }
}

async function followRedirect(plan: ArtifactPlan, hop: Hop, response: Response): Promise<Hop> {
  const status = `${response.status} ${STATUS_CODES[response.status] ?? ""}`.trim();
  const location = response.headers.get("location");
  const url = location === null ? null : URL.parse(location, hop.url);
  if (location === null) throw artifactError(describeHop(plan, hop), `${status} without a location`);
  if (url === null) throw artifactError(describeHop(plan, hop), `${status} to something that is no URL`);
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const found = `redirect to ${redactSource(url)}`;
    throw artifactError(describeHop(plan, hop), `expected a redirect to http or https, found a ${found}`);
  }
  if (url.hostname !== hop.url.hostname && (await isLinkLocal(url.hostname))) {
    const hint = "link-local addresses hold credentials of cloud machines; name the source itself if it is meant";
    throw artifactError(describeHop(plan, hop), `redirect to link-local address ${redactSource(url)} refused`, hint);
  }
  // User info in a location is the server's invention, not the job's.
  url.username = "";
  url.password = "";
  url.hash = "";
  return { url, headers: headersAfterRedirect(hop.headers, hop.url, url) };
}

async function acceptReply(plan: ArtifactPlan, hop: Hop, response: Response): Promise<Source> {
  const refuse = async (message: string, hint?: string): Promise<AppError> => {
    await discardBody(response);
    return artifactError(describeHop(plan, hop), message, hint);
  };
  if (response.status !== 200) {
    const found = `${response.status} ${STATUS_CODES[response.status] ?? ""}`.trim();
    throw await refuse(`expected status 200, found ${found}`, statusHint(response.status));
  }
  const encoding = response.headers.get("content-encoding") ?? "identity";
  // Some servers label a stored .gz file with the encoding it has anyway; there the bytes are the file.
  if (encoding.toLowerCase() !== "identity" && archiveSuffix(hop.url.pathname) === undefined) {
    throw await refuse(
      `expected the file as it is, found it encoded as ${JSON.stringify(encoding)}`,
      "switch compression off for this file on the server",
    );
  }
  const announced = response.headers.get("content-length");
  const length = announced !== null && /^\d+$/.test(announced) && !isChunked(response) ? Number(announced) : null;
  return { stream: response.body ?? new Response("").body ?? new ReadableStream(), length };
}

function isChunked(response: Response): boolean {
  return response.headers.get("transfer-encoding") !== null;
}

function statusHint(status: number): string | undefined {
  if (status === 401 || status === 403) return "give credentials in the artifact's headers, or as user info of the URL";
  if (status === 404 || status === 410) return "check the path of the source";
  if (status >= 500) return "try again later, or look at the server's log";
  return undefined;
}

/** The source for a message, with the place that redirects led to. */
function describeHop(plan: ArtifactPlan, hop: Hop): string {
  return hop.url.href === plan.url ? plan.source : `${plan.source} (redirected to ${redactSource(hop.url)})`;
}

async function discardBody(response: Response): Promise<void> {
  await response.body?.cancel();
}
