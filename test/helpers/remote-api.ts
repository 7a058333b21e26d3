import { writeFileSync } from "node:fs";
import { type Api, createApi } from "../../src/api/app.ts";
import { createLog } from "../../src/base/log.ts";
import type { HttpConfig } from "../../src/config/http.ts";
import { type HttpListeners, planHttp } from "../../src/daemon/http.ts";
import { type Authority, type MadeCertificate, makeAuthority } from "./certificates.ts";
import { createFakeAgent, type FakeAgent } from "./fake-agent.ts";
import { freePort } from "./ports.ts";
import { type TempDir, tempDir } from "./temp.ts";

/** The real API over a fake agent, served by TCP as the daemon does it. */
export interface RemoteApi extends AsyncDisposable {
  readonly agent: FakeAgent;
  readonly api: Api;
  readonly port: number;
  /** What was logged. */
  readonly lines: readonly string[];
  readonly listeners: HttpListeners;
}

export async function serveRemoteApi(change: Partial<HttpConfig> = {}): Promise<RemoteApi> {
  const port = await freePort();
  const usual = {
    addresses: ["127.0.0.1"],
    port,
    advertise: null,
    tls: null,
    allowPlaintext: false,
    maxPerClient: 100,
  };
  const agent = createFakeAgent();
  const lines: string[] = [];
  const log = createLog("info", (line) => lines.push(line));
  const plan = planHttp({ ...usual, ...change }, log);
  const api = createApi(agent, { log, version: "1", httpAddress: "", elsewhere: plan });
  const listeners = await plan.open(api.fetchRemote);
  return { agent, api, port, lines, listeners, [Symbol.asyncDispose]: () => listeners.stop() };
}

/** Files that TLS is spoken with on the loopback address, and the authority that vouches for them. */
export interface TlsPlace extends AsyncDisposable {
  readonly dir: TempDir;
  readonly authority: Authority;
  readonly names: { readonly for: readonly string[] };
  /** Puts another certificate there. */
  use(made: MadeCertificate): void;
  /** @param clients asks clients for a certificate of the authority. */
  files(clients?: boolean): NonNullable<HttpConfig["tls"]>;
}

export function makeTlsPlace(): TlsPlace {
  const dir = tempDir();
  const authority = makeAuthority();
  const names = { for: ["localhost", "127.0.0.1"] };
  const use = ({ cert, key }: MadeCertificate): void => {
    writeFileSync(dir.file("cert.pem"), cert);
    writeFileSync(dir.file("key.pem"), key, { mode: 0o600 });
  };
  writeFileSync(dir.file("ca.pem"), authority.cert);
  use(authority.issue("vm1", names));
  return {
    dir,
    authority,
    names,
    use,
    files: (clients = false) => ({
      certFile: dir.file("cert.pem"),
      keyFile: dir.file("key.pem"),
      clientCaFile: clients ? dir.file("ca.pem") : null,
    }),
    [Symbol.asyncDispose]: () => dir[Symbol.asyncDispose](),
  };
}
