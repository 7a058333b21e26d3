import type { ClientRequest, IncomingMessage } from "node:http";
import { isIP } from "node:net";
import type { Probe, ProbeResult } from "../allocation/check.ts";
import { systemClock } from "../base/clock.ts";
import { errnoOf, errorText } from "../base/errors.ts";
import { escapeControls } from "../base/text.ts";
import { formatDuration, MILLISECOND } from "../base/units.ts";
import type { ProbeOptions } from "./probe-tcp.ts";

type HttpProbe = Extract<Probe, { type: "http" }>;

/** How much of a reply is read and shown; Nomad's limit. Its head is bounded by the runtime, at 16 KiB. */
const OUTPUT_LIMIT = 3 << 10;

const TOO_MANY_REQUESTS = 429;

/**
 * Whether a service of a guest answers a request with a status below 400, as in Nomad. No redirect is followed, the connection is
 * used once, and nothing but the head is read of a good reply: what answers is hostile. Never rejects.
 */
export async function probeHttp(probe: HttpProbe, { timeoutMillis, signal }: ProbeOptions): Promise<ProbeResult> {
  const timeout = new AbortController();
  const cancel = systemClock.after(timeoutMillis, () => timeout.abort());
  try {
    return await exchange(probe, AbortSignal.any([signal, timeout.signal]));
  } catch (error) {
    const late = `no reply within ${formatDuration(timeoutMillis * MILLISECOND)}`;
    return result(false, timeout.signal.aborted ? late : `no reply: ${reasonOf(error)}`, 0);
  } finally {
    cancel();
  }
}

function result(success: boolean, output: string, statusCode: number): ProbeResult {
  return { success, output: escapeControls(output, true), statusCode };
}

/** Parsers name what they did not like in words that hold bytes of the reply; a code says enough. */
function reasonOf(error: unknown): string {
  return errnoOf(error) ?? errorText(error);
}

async function exchange(probe: HttpProbe, signal: AbortSignal): Promise<ProbeResult> {
  // An agent without such checks does without 5 MB.
  const [{ request: httpRequest }, { request: httpsRequest }] = await Promise.all([
    import("node:http"),
    import("node:https"),
  ]);
  return await new Promise((resolve, reject) => {
    const outgoing = send(probe, signal, { httpRequest, httpsRequest });
    // Stays: a request without a listener for its errors throws into the process.
    outgoing.on("error", reject);
    outgoing.once("response", (incoming) => {
      // From here on the reply knows better than the connection how it ended.
      outgoing.off("error", reject);
      outgoing.on("error", () => undefined);
      readReply(incoming, probe)
        .then(resolve, reject)
        .finally(() => outgoing.destroy());
    });
    outgoing.end(probe.body === "" ? undefined : probe.body);
  });
}

interface Clients {
  readonly httpRequest: typeof import("node:http").request;
  readonly httpsRequest: typeof import("node:https").request;
}

function send(probe: HttpProbe, signal: AbortSignal, { httpRequest, httpsRequest }: Clients): ClientRequest {
  const { host, port, method, path, headers, secure, skipVerify, serverName } = probe;
  // Some headers, such as Host, may be no list.
  const given = Object.fromEntries(
    Object.entries(headers).map(([name, values]) => [name, values.length === 1 ? values[0] : [...values]]),
  );
  const named = Object.keys(given).some((name) => name.toLowerCase() === "user-agent");
  const options = {
    host,
    port,
    method,
    path,
    headers: { ...given, ...(named ? {} : { "User-Agent": "paddock" }) },
    agent: false as const,
    signal,
  };
  if (!secure) return httpRequest(options);
  const name = serverName || (isIP(host) === 0 ? host : "");
  return httpsRequest({
    ...options,
    rejectUnauthorized: !skipVerify,
    ...(name === "" ? {} : { servername: name }),
  });
}

async function readReply(incoming: IncomingMessage, { ignoreWarnings }: HttpProbe): Promise<ProbeResult> {
  const status = incoming.statusCode ?? 0;
  const good = (status >= 200 && status < 400) || (status === TOO_MANY_REQUESTS && ignoreWarnings);
  if (good && status !== TOO_MANY_REQUESTS) return result(true, `http ok: ${status}`, status);
  const body = await readBeginning(incoming);
  return result(good, body === "" ? `status ${status}` : body, status);
}

/** What came before the connection broke or the time was over is better than nothing. */
async function readBeginning(incoming: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  try {
    for await (const chunk of incoming as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      length += chunk.length;
      if (length >= OUTPUT_LIMIT) break;
    }
  } catch {
    // Said above.
  }
  return Buffer.concat(chunks).subarray(0, OUTPUT_LIMIT).toString("utf8").trim();
}
