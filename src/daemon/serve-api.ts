import type { RunningAgent } from "../agent/create.ts";
import { createApi } from "../api/app.ts";
import type { Log } from "../base/log.ts";
import type { LogMonitor } from "../base/log-monitor.ts";
import type { SocketConfig } from "../config/agent-config.ts";
import { type AgentDirs, apiSocket, auditFile } from "../paths.ts";
import { build } from "../runtime/build.ts";
import { openAuditFile } from "./audit-file.ts";
import type { HttpPlan } from "./http.ts";
import { listen } from "./listen.ts";

export interface ApiSurroundings {
  readonly dirs: AgentDirs;
  /** Who may use its unix socket. */
  readonly owner: SocketConfig;
  /** Null where it is served there alone. */
  readonly http: HttpPlan | null;
  /** Takes what to do at SIGHUP. */
  readonly onHangUp: (callback: () => void) => void;
  readonly log: Log;
  readonly monitor: LogMonitor;
  readonly stopping: AbortSignal;
}

/**
 * Serves the API on its unix socket, and by TCP where that is wished for.
 * @throws AppError as `listen` does and as the addresses of `http` do when they open.
 */
export async function serveApi(
  agent: RunningAgent,
  { dirs, owner, http, onHangUp, log, monitor, stopping }: ApiSurroundings,
): Promise<{ stop(): Promise<void> }> {
  const socket = apiSocket(dirs);
  const audit = openAuditFile(auditFile(dirs), { log });
  const api = createApi(agent, {
    audit,
    log: log.named("api"),
    monitor,
    version: build.version,
    httpAddress: `unix://${socket}`,
    ...(http === null ? {} : { elsewhere: http }),
    stopping,
  });
  const listeners = await http?.open(api.fetchRemote);
  if (listeners !== undefined) onHangUp(() => void listeners.renew());
  const server = await listen(socket, api.fetch, owner);
  log.info("agent started", { version: build.version, socket, data_dir: dirs.dataDir });
  return {
    stop: async () => {
      await Promise.all([server.stop(), listeners?.stop()]);
      audit.close();
    },
  };
}
