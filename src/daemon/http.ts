import { hostname } from "node:os";
import type { Elsewhere } from "../api/app.ts";
import { systemClock } from "../base/clock.ts";
import { AppError, errnoOf, errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { type HttpConfig, hostPort, isLoopback } from "../config/http.ts";
import { type Remote, serveTcp, type TcpOptions, type TcpServer } from "../runtime/serve.ts";
import { type Certificate, readCertificate } from "./certificates.ts";
import { MAX_BODY_BYTES } from "./listen.ts";

/** What the API is served by besides its unix socket: everything is read and checked, and nobody is let in yet. */
export interface HttpPlan extends Elsewhere {
  /** Lets clients in. @throws AppError `conflict`, `unavailable` when an address cannot be had; then none is. */
  open(answer: Answer): Promise<HttpListeners>;
}

export interface HttpListeners {
  /** Reads the certificate again; what is there goes on, also when the new one is no good. Never rejects. */
  renew(): Promise<void>;
  stop(): Promise<void>;
}

type Answer = (request: Request, remote: Remote) => Promise<Response>;

/** @throws AppError as `readCertificate`. */
export function planHttp(config: HttpConfig, log: Log): HttpPlan {
  const { tls, advertise, maxPerClient } = config;
  let certificate = tls === null ? null : readCertificate(tls, systemClock.now());
  const own = [hostname().toLowerCase(), ...(advertise === null ? [] : [advertise.replace(/:\d+$/, "").toLowerCase()])];
  return {
    advertise,
    tls: tls !== null,
    maxPerClient,
    names: () => [...own, ...(certificate?.names ?? [])],
    open: async (answer) => {
      const servers = await listenAll(config, certificate, answer);
      tellOpen(config, certificate, log);
      const renew = async (): Promise<void> => {
        if (tls === null) return log.info("SIGHUP ignored: nothing is read again but certificates, and there are none");
        try {
          const fresh = readCertificate(tls, systemClock.now());
          if (fresh.validTo <= systemClock.now()) throw new AppError("invalid", fresh.warnings[0] ?? "");
          for (const server of servers) await server.renew(fresh.tls);
          certificate = fresh;
          tellCertificate(fresh, log);
          log.info("the certificate was read again");
        } catch (error) {
          const hint = error instanceof AppError ? error.hint : undefined;
          log.error("the certificate was not read again; the one before stays", { error: errorText(error), hint });
        }
      };
      // Two signals in a row: the second one reads what is there by then.
      let renewed = Promise.resolve();
      return {
        renew: () => {
          renewed = renewed.then(renew);
          return renewed;
        },
        stop: async () => {
          await Promise.all(servers.map((server) => server.stop()));
        },
      };
    },
  };
}

async function listenAll(
  { addresses, port }: HttpConfig,
  certificate: Certificate | null,
  answer: Answer,
): Promise<TcpServer[]> {
  const servers: TcpServer[] = [];
  try {
    for (const address of addresses) {
      const options = { address, port, tls: certificate?.tls ?? null, maxBodyBytes: MAX_BODY_BYTES };
      const server = listenAt(options, answer);
      if (server === null) throw new AppError("unsupported", "this runtime serves the API on a unix socket alone");
      servers.push(server);
    }
    return servers;
  } catch (error) {
    await Promise.all(servers.map((server) => server.stop()));
    throw error;
  }
}

function listenAt(options: TcpOptions, answer: Answer): TcpServer | null {
  try {
    return serveTcp(options, answer);
  } catch (error) {
    throw cannotListen(hostPort(options.address, options.port), error);
  }
}

const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: "another program listens there",
  EADDRNOTAVAIL: "this host has no such address",
  EACCES: "this user may not listen on such a port",
};

function cannotListen(where: string, error: unknown): AppError {
  const code = errnoOf(error) ?? "";
  const busy = code === "EADDRINUSE";
  return new AppError(
    busy ? "conflict" : "unavailable",
    `cannot listen on ${where}: ${WHY[code] ?? errorText(error)}`,
    {
      hint: "set bind_addr and ports { http } to an address and a port that are free; ss -ltnp shows who has one",
      cause: error,
    },
  );
}

function tellOpen(
  { addresses, port, tls, allowPlaintext }: HttpConfig,
  certificate: Certificate | null,
  log: Log,
): void {
  for (const address of addresses) {
    const scheme = tls === null ? "http" : "https";
    log.info("the API is served by TCP, to whoever has a token", { address: `${scheme}://${hostPort(address, port)}` });
  }
  if (certificate !== null) tellCertificate(certificate, log);
  const open = addresses.filter((address) => !isLoopback(address));
  if (tls === null && allowPlaintext && open.length > 0) {
    log.warn("tokens and jobs go over the network for all to read: allow_plaintext is set and TLS is not", {
      addresses: open.join(" "),
    });
  }
}

function tellCertificate({ warnings, validTo }: Certificate, log: Log): void {
  for (const warning of warnings) {
    if (validTo <= systemClock.now()) log.error(warning);
    else log.warn(warning);
  }
}
