import { statSync } from "node:fs";
import { AppError } from "../base/errors.ts";
import type { Finding } from "../cli/text/finding.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { type HttpConfig, hostPort, isLoopback } from "../config/http.ts";
import { readCertificate } from "../daemon/certificates.ts";
import { apiSocket, auditFile } from "../paths.ts";

const say = (level: Finding["level"], message: string, remedy: string | null = null): Finding => {
  return { check: "api", level, message, remedy };
};

/** Who reaches the API of an agent with this configuration, and how well that is kept. @param now milliseconds since 1970. */
export function examineHttp({ http, dirs }: Pick<AgentConfig, "http" | "dirs">, now: number): readonly Finding[] {
  return [
    ...examineFile(apiSocket(dirs), 0o006, "every user of this host may use the agent by"),
    ...examineFile(auditFile(dirs), 0o004, "every user of this host may read"),
    ...examineListeners(http),
    ...examineCertificate(http, now),
  ];
}

function examineFile(path: string, bits: number, what: string): Finding[] {
  const mode = statSync(path, { throwIfNoEntry: false })?.mode ?? 0;
  return (mode & bits) === 0 ? [] : [say("problem", `${what} ${path}`, `chmod o= ${path}`)];
}

function examineListeners({ addresses, port, tls }: HttpConfig): Finding[] {
  if (addresses.length === 0) return [say("ok", "the API is served on its unix socket alone")];
  const scheme = tls === null ? "http" : "https";
  return addresses.map((address) => {
    const message = `the API is served at ${scheme}://${hostPort(address, port)}, to whoever has a token`;
    if (tls !== null || isLoopback(address)) return say("ok", message);
    const open = `${message}, and tokens and jobs go over the network for all to read`;
    return say("warning", open, "set tls { http = true }, cert_file and key_file in the configuration");
  });
}

function examineCertificate({ tls }: HttpConfig, now: number): Finding[] {
  if (tls === null) return [];
  try {
    const { warnings, validTo } = readCertificate(tls, now);
    const level = validTo <= now ? "problem" : "warning";
    return warnings.map((warning) => say(level, warning, "put another one there, then systemctl reload paddock"));
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    return [say("problem", error.message, error.hint ?? "put one there that the agent may read")];
  }
}
