import { type CacheKeeper, startCacheKeeper } from "../agent/cache-keeper.ts";
import type { AgentContext } from "../agent/context.ts";
import { createAgent } from "../agent/create.ts";
import { jobRules } from "../agent/job-rules.ts";
import { createCoreBook, readOnlineCores } from "../agent/start/cores.ts";
import { createPrepare } from "../agent/start/prepare.ts";
import { createSpareDirectory } from "../agent/start/spare-directory.ts";
import { settleSources } from "../artifact/source/rules.ts";
import { createTurns } from "../artifact/turns.ts";
import { systemClock } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { createMonitoredLog, type LogMonitor } from "../base/log-monitor.ts";
import type { AgentConfig } from "../config/agent-config.ts";
import { readConfiguration } from "../config/effective.ts";
import { apiSocket, cacheDir, databaseFile, reserveFile } from "../paths.ts";
import { releaseCodePages } from "../runtime/code-pages.ts";
import { createRecorder } from "../state/recorder.ts";
import { createReserve } from "../state/reserve.ts";
import { openStore } from "../state/store.ts";
import { readBootId } from "../supervisor/identity.ts";
import { createSupervisor } from "../supervisor/supervisor.ts";
import { readAgentArguments } from "./arguments.ts";
import { findControlGroups } from "./control-groups.ts";
import type { HttpPlan } from "./http.ts";
import { linePrinter } from "./journal.ts";
import { assertNobodyAnswers } from "./listen.ts";
import { countMachines, tellCounts } from "./machine-count.ts";
import { findMachineUsers } from "./machine-users.ts";
import { findNodeFacts } from "./node-facts.ts";
import type { NodeFacts } from "./node-watch.ts";
import { findServiceManager, type ServiceManager } from "./notify.ts";
import { lockPlace, makePlace } from "./place.ts";
import { restWhenQuiet } from "./rest.ts";
import { serveApi } from "./serve-api.ts";

/**
 * `paddock agent`: runs until SIGTERM or SIGINT and leaves the machines running.
 * @param args what stands behind `agent` on the command line.
 * @returns the exit code.
 * @throws AppError when it cannot start.
 */
export async function runAgent(args: readonly string[]): Promise<number> {
  const print = linePrinter(process.stderr, process.env);
  const config = readConfiguration(
    readAgentArguments(args),
    { uid: process.getuid?.() ?? 0, env: process.env },
    (text) => print(text, "warn"),
  );
  const { log, monitor } = createMonitoredLog(config.logLevel, print);
  const manager = findServiceManager(process.env, { clock: systemClock, log, pid: process.pid });
  const http = await readHttp(config, log);
  makePlace(config.dirs);
  const lock = lockPlace(config.dirs);
  try {
    surviveFaults(log);
    // Before any socket is taken for that of a machine which has ended.
    await assertNobodyAnswers(apiSocket(config.dirs));
    await serve(config, { log, monitor, manager, http, ...waitForSignals(log) });
    return 0;
  } finally {
    manager.close();
    lock.release();
  }
}

interface Surroundings {
  readonly log: Log;
  readonly monitor: LogMonitor;
  readonly manager: ServiceManager;
  /** Null where the API is on its unix socket alone. */
  readonly http: HttpPlan | null;
  readonly stopAsked: Promise<void>;
  /** Whom to call at SIGHUP; one at the most. */
  readonly onHangUp: (callback: () => void) => void;
}

async function serve(
  config: AgentConfig,
  { log, monitor, manager, http, stopAsked, onHangUp }: Surroundings,
): Promise<void> {
  const reserve = createReserve(reserveFile(config.dirs), log);
  const store = openStore(databaseFile(config.dirs), reserve);
  try {
    const recorder = createRecorder(store, reserve);
    const bootId = readBootId();
    const users = await findMachineUsers(config, { store, log });
    const { cgroups, attributes } = findControlGroups(config.dirs, log);
    const told = { store, recorder, log, clock: systemClock, bootId, attributes, rest: releaseCodePages };
    const facts = await findNodeFacts(config, { ...told, pool: users?.pool ?? null });
    const cacheKeeper = keepCache(config, log);
    const base = {
      ...settle(config),
      store,
      recorder,
      users,
      ...nodeBy(facts),
      cacheKeeper,
      clock: systemClock,
    };
    const spare = createSpareDirectory({ dirs: config.dirs, clock: systemClock, log: log.named("prepare") });
    const supervisor = createSupervisor({
      dirs: config.dirs,
      store,
      recorder,
      clock: systemClock,
      log: log.named("supervisor"),
      bootId,
      cgroups,
      prepare: createPrepare({
        ...base,
        spare,
        log: log.named("prepare"),
        cores: createCoreBook(store, readOnlineCores(), config.resources.reserved.cores),
      }),
      ...jobRules(base),
    });
    await supervisor.adoptAll();
    const context: AgentContext = { ...base, supervisor, log: log.named("agent") };
    const stopping = new AbortController();
    const agent = createAgent(context);
    facts.whenChanged(agent.nodeChanged);
    const server = await serveApi(agent, {
      dirs: config.dirs,
      owner: config.socket,
      http,
      onHangUp,
      log,
      monitor,
      stopping: stopping.signal,
    });
    void restWhenQuiet({ changes: recorder.changes, clock: systemClock, log, signal: stopping.signal });
    await tellManager(manager, { store, recorder, supervisor, signal: stopping.signal });
    await stopAsked;
    stopping.abort();
    await manager.stopping("stopping; the machines run on");
    await server.stop();
    agent.close();
    spare.close();
    supervisor.close();
    cacheKeeper.close();
    cgroups?.close();
    await facts.close();
    log.info("agent stopped; the machines run on");
  } finally {
    store.close();
  }
}

/** What the API is served by besides its unix socket, before anything is touched: bad files end the start here. */
async function readHttp({ http }: AgentConfig, log: Log): Promise<HttpPlan | null> {
  // What it takes to load, others need not pay for.
  return http.addresses.length === 0 ? null : (await import("./http.ts")).planHttp(http, log);
}

/** What the configuration says, as the use cases want it. */
function settle(
  config: AgentConfig,
): Pick<AgentContext, "dirs" | "policy" | "site" | "sources" | "artifactTurns" | "garbage"> {
  const { dirs, policy, site, artifact, garbage } = config;
  const sources = settleSources(artifact, process.env, dirs);
  return { dirs, policy, site, garbage, sources, artifactTurns: createTurns(artifact.parallel) };
}

const nodeBy = (facts: NodeFacts): Pick<AgentContext, "node" | "nodeComplete" | "lookAtNode"> => ({
  node: () => facts.current(),
  nodeComplete: facts.complete,
  lookAtNode: () => facts.look(),
});

const keepCache = ({ dirs, cache }: AgentConfig, log: Log): CacheKeeper =>
  startCacheKeeper({ cache: cacheDir(dirs), limits: cache, clock: systemClock, log: log.named("cache") });

/** Says that the agent serves, and from then on how many machines there are. */
async function tellManager(
  manager: ServiceManager,
  {
    store,
    recorder,
    supervisor,
    signal,
  }: Pick<AgentContext, "store" | "recorder" | "supervisor"> & { readonly signal: AbortSignal },
): Promise<void> {
  // To count costs the more the more machines there are.
  if (!manager.listens) return;
  const live = () => store.liveAllocations().map((stored) => supervisor.live(stored.id) ?? stored);
  const told = countMachines(live());
  await manager.ready(told);
  void tellCounts(told, { changes: recorder.changes, live, tell: manager.status, clock: systemClock, signal });
}

/** A fault in one place must not take the agent along: it is logged, and everything else goes on. */
function surviveFaults(log: Log): void {
  process.on("unhandledRejection", (error) => log.error("a fault of paddock", { error: errorText(error) }));
  process.on("uncaughtException", (error) => log.error("a fault of paddock", { error: errorText(error) }));
}

/** SIGHUP is nobody's wish to end an agent: a terminal that closes must not take it along. */
function waitForSignals(log: Log): Pick<Surroundings, "stopAsked" | "onHangUp"> {
  let hangUp = (): void => log.info("SIGHUP ignored: nothing is read again but certificates, and there are none");
  process.on("SIGHUP", () => hangUp());
  const stopAsked = new Promise<void>((resolve) => {
    for (const name of ["SIGTERM", "SIGINT"] as const) {
      process.once(name, () => {
        log.info("stopping", { signal: name });
        resolve();
      });
    }
  });
  return {
    stopAsked,
    onHangUp: (callback) => {
      hangUp = callback;
    },
  };
}
