import { ALLOC_CHECKS } from "./alloc/checks.ts";
import { ALLOC_FS } from "./alloc/fs.ts";
import { ALLOC_RESTART } from "./alloc/restart.ts";
import { ALLOC_SIGNAL } from "./alloc/signal.ts";
import { ALLOC_STOP } from "./alloc/stop.ts";
import type { Command } from "./command.ts";
import { CONSOLE } from "./console/console.ts";
import { AGENT } from "./host/agent.ts";
import { DEMO } from "./host/demo.ts";
import { DOCTOR } from "./host/doctor.ts";
import { MONITOR } from "./host/monitor.ts";
import { NODE_DRAIN } from "./host/node-drain.ts";
import { NODE_ELIGIBILITY } from "./host/node-eligibility.ts";
import { NODE_STATUS } from "./host/node-status.ts";
import { SYSTEM_GC } from "./host/system-gc.ts";
import { SYSTEMD_UNIT } from "./host/systemd-unit.ts";
import { VERSION } from "./host/version.ts";
import { IMAGE_BUNDLE } from "./image/bundle.ts";
import { IMAGE_INSPECT } from "./image/inspect.ts";
import { IMAGE_KEY } from "./image/key.ts";
import { IMAGE_LOAD } from "./image/load.ts";
import { IMAGE_LS } from "./image/ls.ts";
import { IMAGE_PRUNE } from "./image/prune.ts";
import { IMAGE_PULL } from "./image/pull.ts";
import { IMAGE_RM } from "./image/rm.ts";
import { IMAGE_VERIFY } from "./image/verify.ts";
import { JOB_HISTORY } from "./job/history.ts";
import { JOB_INIT } from "./job/init.ts";
import { JOB_PLAN } from "./job/plan.ts";
import { JOB_REVERT, JOB_SCALE } from "./job/revert.ts";
import { JOB_RUN } from "./job/run.ts";
import { ALLOC_STATUS, JOB_INSPECT, JOB_STATUS } from "./job/status.ts";
import { JOB_STOP } from "./job/stop.ts";
import { JOB_VALIDATE } from "./job/validate.ts";
import { EXPLAIN } from "./machine/explain.ts";
import { ALLOC_LOGS, LOGS } from "./machine/logs.ts";
import { PS } from "./machine/ps.ts";
import { VM_POWER } from "./machine/vm-power.ts";
import { WHY } from "./machine/why.ts";
import { COMPLETION } from "./shell/completion.ts";
import { TOKEN_CREATE } from "./token/create.ts";
import { TOKEN_LIST } from "./token/list.ts";
import { TOKEN_REVOKE } from "./token/revoke.ts";

/** The one table of commands, in the order of the help. */
export const COMMANDS: readonly Command[] = [
  DEMO,
  AGENT,
  JOB_INIT,
  JOB_RUN,
  JOB_PLAN,
  JOB_STATUS,
  JOB_STOP,
  JOB_VALIDATE,
  JOB_INSPECT,
  JOB_HISTORY,
  JOB_REVERT,
  JOB_SCALE,
  PS,
  LOGS,
  CONSOLE,
  EXPLAIN,
  WHY,
  ALLOC_STATUS,
  ALLOC_LOGS,
  ALLOC_FS,
  ALLOC_CHECKS,
  ALLOC_STOP,
  ALLOC_RESTART,
  ALLOC_SIGNAL,
  VM_POWER,
  IMAGE_LS,
  IMAGE_PULL,
  IMAGE_INSPECT,
  IMAGE_VERIFY,
  IMAGE_RM,
  IMAGE_PRUNE,
  IMAGE_BUNDLE,
  IMAGE_LOAD,
  IMAGE_KEY,
  NODE_STATUS,
  NODE_ELIGIBILITY,
  NODE_DRAIN,
  SYSTEM_GC,
  MONITOR,
  TOKEN_CREATE,
  TOKEN_LIST,
  TOKEN_REVOKE,
  DOCTOR,
  SYSTEMD_UNIT,
  COMPLETION,
  VERSION,
];
