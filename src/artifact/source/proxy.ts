import { BlockList, isIP } from "node:net";
import { BLANK } from "../../base/redact.ts";

/** Which requests go by which proxy: what the usual variables of an environment say, by Go's rules, as Nomad's downloads have them. */
export interface Proxies {
  /** For `http://` and for `https://`; null sends requests straight to their hosts. May hold credentials; never printed. */
  readonly http: string | null;
  readonly https: string | null;
  /** Hosts that are asked without: names, `.domain`, addresses, ranges of addresses, each with a port or without, or `*`. */
  readonly except: readonly string[];
}

export const NO_PROXIES: Proxies = { http: null, https: null, except: [] };

/** The proxies of an environment; lower case goes before upper case. */
export function readProxies(env: Readonly<Record<string, string | undefined>>): Proxies {
  const find = (name: string): string | null => env[name.toLowerCase()] || env[name] || null;
  return {
    http: withScheme(find("HTTP_PROXY")),
    https: withScheme(find("HTTPS_PROXY")),
    except: (find("NO_PROXY") ?? "").split(/[\s,]+/).filter((entry) => entry !== ""),
  };
}

/** @returns the address of the proxy for a request, null when it goes straight to its host. This host itself never needs one. */
export function proxyFor(url: URL, { http, https, except }: Proxies): string | null {
  const proxy = url.protocol === "https:" ? https : http;
  if (proxy === null || isLoopback(bareHost(url))) return null;
  return except.some((entry) => covers(entry, url)) ? null : proxy;
}

/** A proxy for messages: without credentials. */
export function describeProxy(proxy: string): string {
  const url = URL.parse(proxy);
  return url === null || url.host === "" ? BLANK : `${url.protocol}//${url.host}`;
}

function withScheme(proxy: string | null): string | null {
  return proxy === null || proxy.includes("://") ? proxy : `http://${proxy}`;
}

function bareHost(url: URL): string {
  return url.hostname
    .replace(/^\[|\]$/g, "")
    .replace(/\.$/, "")
    .toLowerCase();
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function covers(entry: string, url: URL): boolean {
  if (entry === "*") return true;
  const host = bareHost(url);
  const range = /^([0-9a-fA-F.:]+)\/(\d{1,3})$/.exec(entry);
  if (range !== null) return isInRange(host, range[1] ?? "", Number(range[2]));
  const { name, port } = splitPort(entry.toLowerCase());
  if (port !== undefined && port !== (url.port || (url.protocol === "https:" ? "443" : "80"))) return false;
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host;
  const suffix = name.replace(/^\*?\./, "");
  return host.endsWith(`.${suffix}`) || (host === suffix && name === suffix);
}

function splitPort(entry: string): { readonly name: string; readonly port?: string } {
  const match = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(entry);
  if (match === null) return { name: entry };
  const [, bracketed, plain, port] = match;
  return { name: bracketed ?? plain ?? "", ...(port === undefined ? {} : { port }) };
}

function isInRange(host: string, base: string, bits: number): boolean {
  const family = isIP(base);
  if (family === 0 || isIP(host) !== family || bits > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  const word = family === 4 ? "ipv4" : "ipv6";
  list.addSubnet(base, bits, word);
  return list.check(host, word);
}
