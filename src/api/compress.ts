import { promisify } from "node:util";
import { constants, gzip } from "node:zlib";

/** Marks a reply that is whole and long enough to be worth it, and says to caches that it comes in two forms (RFC 9110, 12.5.5). */
export const MAY_BE_PACKED = { Vary: "Accept-Encoding" } as const;

/** Bytes below which a reply is as soon there as it is. */
const LEAST = 1_024;

const pack = promisify(gzip);

/**
 * Packs a reply that may be packed for a client that takes it so, beside this thread. On the unix socket it would cost both ends more
 * than the copy that it saves.
 */
export async function packReply(request: Request, response: Response): Promise<Response> {
  const { body, headers, status } = response;
  if (body === null || headers.get("vary") !== MAY_BE_PACKED.Vary) return response;
  if (!takesGzip(request.headers.get("accept-encoding") ?? "")) return response;
  const plain = new Uint8Array(await response.arrayBuffer());
  if (plain.length < LEAST) return new Response(plain, { status, headers });
  // The fastest: a list of JSON is a tenth of its length by then.
  const packed = new Uint8Array(await pack(plain, { level: constants.Z_BEST_SPEED }));
  const own = new Headers(headers);
  own.set("content-encoding", "gzip");
  own.delete("content-length");
  return new Response(packed, { status, headers: own });
}

/** Whether an `Accept-Encoding` names gzip, or `*` without it, and not by the weight 0 (RFC 9110, 12.5.3). */
function takesGzip(accepted: string): boolean {
  const weights = new Map(
    accepted.split(",").map((one) => {
      const [coding = "", ...parameters] = one.split(";").map((part) => part.trim().toLowerCase());
      const weight = parameters.find((parameter) => parameter.startsWith("q="))?.slice(2) ?? "1";
      return [coding, Number(weight)] as const;
    }),
  );
  return (weights.get("gzip") ?? weights.get("x-gzip") ?? weights.get("*") ?? 0) > 0;
}
