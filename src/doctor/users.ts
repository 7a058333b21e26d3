import { existsSync } from "node:fs";
import { firstOpenPort } from "../agent/start/reach.ts";
import type { Finding } from "../cli/text/finding.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { findPool } from "../daemon/machine-users.ts";
import { denyKvm } from "../node/user-pool.ts";
import type { UserPool } from "../node/users.ts";

const say = (level: Finding["level"], message: string, remedy: string | null = null): Finding => {
  return { check: "users", level, message, remedy };
};

/** What machines of an agent with this configuration would run as. @param uid the agent's. */
export async function examineUsers(
  config: Pick<AgentConfig, "users" | "dirs">,
  uid: number,
): Promise<readonly Finding[]> {
  const { wanted } = config.users;
  if (uid !== 0 && wanted !== true) return [say("ok", `machines run as this user, ${uid}`)];
  if (wanted === false) {
    const message = "machines run as root, because dynamic_workload_users is false";
    return [say("warning", message, "leave it out, and every machine has a user of its own")];
  }
  const found = await findPool(config);
  if (found.pool !== null) return await examinePool(found.pool);
  if (wanted === true) {
    return [say("problem", `dynamic_workload_users is set, but ${found.reason}`, found.hint)];
  }
  return [say("warning", `machines run as root instead of users of their own: ${found.reason}`, found.hint)];
}

async function examinePool(pool: UserPool): Promise<readonly Finding[]> {
  const first = firstOpenPort();
  const limited = first > 1 ? `, and may forward ports from ${first} on` : "";
  const remedy = first > 80 ? "for port 80 and up: sysctl -w net.ipv4.ip_unprivileged_port_start=80" : null;
  const denied = existsSync("/dev/kvm") ? await denyKvm(pool) : undefined;
  return [
    say("ok", `every machine has a user of its own, of ${pool.min} to ${pool.max}${limited}`, remedy),
    ...(denied === undefined ? [] : [say("warning", denied.message, denied.remedy)]),
  ];
}
