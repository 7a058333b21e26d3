import { isIP, isIPv4, isIPv6 } from "node:net";
import { AppError } from "../base/errors.ts";
import type { ConfigFile } from "./schema.ts";

/** Where the API is served by TCP, and to whom. */
export interface HttpConfig {
  /** IP addresses; none is where it is served on the unix socket alone. */
  readonly addresses: readonly string[];
  readonly port: number;
  /** `host:port` that clients are told; null for the first address. */
  readonly advertise: string | null;
  readonly tls: TlsConfig | null;
  /** Plain HTTP is meant to be open beyond this host. */
  readonly allowPlaintext: boolean;
  /** Most requests of one address at the same time; 0 for any number. */
  readonly maxPerClient: number;
}

/** Absolute paths of files in PEM. */
export interface TlsConfig {
  readonly certFile: string;
  readonly keyFile: string;
  /** Authorities one of which must vouch for every client; null where clients need no certificate. */
  readonly clientCaFile: string | null;
}

/** What the agent's command line says of it; it wins over the file. */
export interface HttpFlags {
  readonly bind?: string | undefined;
  readonly httpPort?: number | undefined;
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
}

/** Nomad's. */
const DEFAULT_PORT = 4646;

type File = Pick<ConfigFile, "bind_addr" | "addresses" | "ports" | "advertise" | "tls" | "acl" | "limits">;

/** What file and flags say together. The certificate of the flags means that it is used, and an authority that it is asked for. */
function merge(file: File, flags: HttpFlags) {
  const { tls } = file;
  return {
    text: flags.bind ?? file.addresses.http ?? file.bind_addr ?? "",
    bindKey: flags.bind !== undefined ? "-bind" : file.addresses.http !== undefined ? "addresses.http" : "bind_addr",
    port: flags.httpPort ?? file.ports.http,
    advertise: file.advertise.http,
    http: tls.http || flags.certFile !== undefined || flags.keyFile !== undefined,
    cert: flags.certFile ?? tls.cert_file,
    key: flags.keyFile ?? tls.key_file,
    ca: flags.caFile ?? tls.ca_file,
    verify: tls.verify_https_client || flags.caFile !== undefined,
    allowPlaintext: tls.allow_plaintext,
    noTokens: file.acl.enabled === false,
  };
}

export interface HttpProblem {
  /** As the file calls it. */
  readonly key: string;
  readonly message: string;
  readonly hint: string;
}

const EVERY_LISTENER =
  "guests reach the loopback address of their host as 10.0.2.2, so every listener asks for a token";

/** What is wrong with where and how the API is to be served by TCP; nothing is opened without TLS beyond this host unless that is allowed. */
export function httpProblems(file: File, flags: HttpFlags = {}): readonly HttpProblem[] {
  const { text, bindKey, http, cert, key, ca, verify, ...rest } = merge(file, flags);
  const addresses = wordsOf(text);
  const problems: (HttpProblem | false)[] = [
    ...addresses.map(
      (address) =>
        !isIP(address) &&
        problem(
          bindKey,
          `be IP addresses, found ${JSON.stringify(address)}`,
          "such as 127.0.0.1, or 0.0.0.0 for every address of this host",
        ),
    ),
    addresses.length === 0 && rest.port !== undefined && problem("ports.http", "stand beside bind_addr", NEEDS_ADDRESS),
    addresses.length === 0 && http && problem("tls.http", "stand beside bind_addr", NEEDS_ADDRESS),
    addresses.length > 0 && rest.noTokens && problem("acl.enabled", "be true where bind_addr is set", EVERY_LISTENER),
    http &&
      cert === undefined &&
      problem(
        "tls.cert_file",
        "be set where TLS is to be spoken",
        "name a file with the certificate and those between it and its authority (PEM)",
      ),
    http &&
      key === undefined &&
      problem("tls.key_file", "be set where TLS is to be spoken", "name the file with the certificate's key (PEM)"),
    !http &&
      (cert ?? key) !== undefined &&
      problem("tls.http", "be true where there is a certificate", "leave cert_file and key_file out for plain HTTP"),
    verify &&
      ca === undefined &&
      problem(
        "tls.ca_file",
        "be set where verify_https_client is",
        "name the file with the authority of the clients' certificates (PEM)",
      ),
    verify && !http && problem("tls.http", "be true where verify_https_client is", "plain HTTP knows no certificates"),
    rest.advertise !== undefined &&
      !isHostPort(rest.advertise) &&
      problem(
        "advertise.http",
        `be host:port, found ${JSON.stringify(rest.advertise)}`,
        "such as vm1.example.org:4646",
      ),
  ];
  const open =
    http || rest.allowPlaintext ? undefined : addresses.find((address) => isIP(address) !== 0 && !isLoopback(address));
  return [
    ...problems.filter((one) => one !== false),
    ...(open === undefined ? [] : [problem(bindKey, `be a loopback address without TLS, found ${open}`, PLAINTEXT)]),
  ];
}

const NEEDS_ADDRESS = "without an address the API is on its unix socket alone: set bind_addr to 127.0.0.1, say";
const PLAINTEXT =
  "set tls { http = true }, cert_file and key_file; tls { allow_plaintext = true } lets tokens and jobs go over the network for all to read";

const problem = (key: string, what: string, hint: string): HttpProblem => ({ key, message: what, hint });

/** @throws AppError `invalid` for flags that do not fit the file, and for what is wrong with both. */
export function completeHttp(file: File, flags: HttpFlags = {}): HttpConfig {
  const [first] = httpProblems(file, flags);
  if (first !== undefined) throw new AppError("invalid", `${first.key} must ${first.message}`, { hint: first.hint });
  const { text, port, advertise, http, cert, key, ca, verify, allowPlaintext } = merge(file, flags);
  return {
    addresses: wordsOf(text),
    port: port ?? DEFAULT_PORT,
    advertise: advertise ?? null,
    tls: http ? { certFile: cert ?? "", keyFile: key ?? "", clientCaFile: verify ? (ca ?? "") : null } : null,
    allowPlaintext,
    maxPerClient: file.limits.http_max_conns_per_client,
  };
}

/** Whether only this host reaches an address; its guests do, too. */
export function isLoopback(address: string): boolean {
  return isIPv4(address) ? address.startsWith("127.") : address === "::1";
}

/** `host:port` in a URL's form. @param address an IP address. */
export function hostPort(address: string, port: number): string {
  return isIPv6(address) ? `[${address}]:${port}` : `${address}:${port}`;
}

function wordsOf(text: string): string[] {
  return [...new Set(text.split(" ").filter((word) => word !== ""))];
}

function isHostPort(text: string): boolean {
  return /^([a-z0-9.-]+|\[[0-9a-f:.]+\]):\d{1,5}$/i.test(text);
}
