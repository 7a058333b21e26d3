import { shorten } from "../../base/text.ts";
import { fetchStream } from "../../runtime/fetch.ts";
import { artifactError, networkError } from "../failure.ts";
import { redactSource } from "../redact.ts";
import { headersAfterRedirect } from "./headers.ts";
import { isMetadataAddress } from "./metadata-address.ts";
import type { SourcePlan } from "./plan.ts";
import { describeProxy, proxyFor } from "./proxy.ts";
import { isS3Refusal, refuseS3Reply, signatureOf } from "./s3-request.ts";
import { describeStatus } from "./status.ts";

/** As many as Go's client follows. */
const MAX_REDIRECTS = 10;

const REDIRECTS = [301, 302, 303, 307, 308];

/** One request on the way that redirects lead. */
export interface Hop {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
}

/** Sends a request and follows redirects by hand, each checked before it is followed. @returns the reply that is none. */
export async function ask(
  plan: SourcePlan,
  asked: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<{ readonly hop: Hop; readonly response: Response }> {
  let hop: Hop = { url: new URL(plan.url), headers: plan.headers };
  for (let redirects = 0; ; redirects++) {
    const response = await request(plan, hop, asked, signal);
    if (isS3Refusal(plan, response)) throw await refuseS3Reply(plan, response);
    if (!REDIRECTS.includes(response.status)) return { hop, response };
    hop = await nextHop(plan, hop, response, redirects);
  }
}

/**
 * Where a request leads to, for a program that asks there by itself: each redirect is checked as a download's is.
 * @returns the last hop, whatever its server answered, with the headers that are left for it.
 * @throws AppError `fetch`; the signal's reason.
 */
export async function followRedirects(plan: SourcePlan, start: Hop, signal: AbortSignal): Promise<Hop> {
  const from = { ...plan, url: start.url.href };
  let hop = start;
  for (let redirects = 0; ; redirects++) {
    const response = await request(from, hop, {}, signal);
    if (!REDIRECTS.includes(response.status)) {
      await discardBody(response);
      return hop;
    }
    hop = await nextHop(from, hop, response, redirects);
  }
}

async function nextHop(plan: SourcePlan, hop: Hop, response: Response, redirects: number): Promise<Hop> {
  await discardBody(response);
  if (redirects === MAX_REDIRECTS) {
    throw artifactError(plan.source, `more than ${MAX_REDIRECTS} redirects, the last to ${describeUrl(hop.url)}`);
  }
  return await followRedirect(plan, hop, response);
}

async function request(
  plan: SourcePlan,
  hop: Hop,
  asked: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<Response> {
  const proxy = proxyFor(hop.url, plan.transport.proxies);
  try {
    const headers = { ...hop.headers, ...asked, ...signatureOf(plan, hop.url) };
    return await fetchStream(hop.url.href, {
      headers,
      signal,
      insecure: plan.insecure,
      proxy,
      tls: plan.transport.tls,
    });
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    const by = proxy === null ? "" : ` (by the proxy ${describeProxy(proxy)})`;
    throw networkError(describeHop(plan, hop) + by, error);
  }
}

async function followRedirect(plan: SourcePlan, hop: Hop, response: Response): Promise<Hop> {
  const location = response.headers.get("location");
  const url = location === null ? null : URL.parse(location, hop.url);
  if (url === null) {
    const odd = location === null ? "without a location" : "to something that is no URL";
    throw artifactError(describeHop(plan, hop), `${await describeStatus(response.status)} ${odd}`);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    const found = `redirect to ${describeUrl(url)}`;
    throw artifactError(describeHop(plan, hop), `expected a redirect to http or https, found a ${found}`);
  }
  if (url.hostname !== hop.url.hostname && (await isMetadataAddress(url.hostname))) {
    const hint = "clouds keep credentials of their machines there; name the source itself if it is meant";
    throw artifactError(describeHop(plan, hop), `redirect to a metadata address, ${describeUrl(url)}, refused`, hint);
  }
  // User info in a location is the server's invention, not the job's.
  url.username = "";
  url.password = "";
  url.hash = "";
  return { url, headers: headersAfterRedirect(hop.headers, hop.url, url) };
}

/** The source for a message, with the place that redirects led to. */
export function describeHop(plan: SourcePlan, hop: Hop): string {
  return hop.url.href === plan.url ? plan.source : `${plan.source} (redirected to ${describeUrl(hop.url)})`;
}

/** A server's redirect may be as long as it likes, and what is told of it goes into events. */
function describeUrl(url: URL): string {
  return shorten(redactSource(url), 500);
}

export async function discardBody(response: Response): Promise<void> {
  await response.body?.cancel();
}
