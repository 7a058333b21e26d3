import { isDeepStrictEqual } from "node:util";
import { type Clock, delay, untilBeat } from "../base/clock.ts";
import { errorText } from "../base/errors.ts";
import type { Log } from "../base/log.ts";
import { askCapabilities, type Capabilities } from "../node/capabilities.ts";
import { findEmulators, traceEmulators } from "../node/emulators.ts";
import { composeNode, type FoundHost, type NodeConfig } from "../node/fingerprint.ts";
import { describeChangingHost } from "../node/host.ts";
import { KVM_DEVICE, probeKvm, traceDevice } from "../node/kvm.ts";
import type { Emulator, Node } from "../node/node.ts";
import { kvmForUsers } from "../node/user-pool.ts";
import type { UserPool } from "../node/users.ts";
import { type Recorder, StoreError } from "../state/recorder.ts";
import type { Store } from "../state/store.ts";

const KVM_RESULT = "kvm_probe";

/** How often it is looked whether the host has changed, in milliseconds: Nomad asks its drivers twice as often, at twice the cost at rest. */
const LOOK_EVERY = 60_000;

/** An emulator that was left out is asked again after 1, 2, 4, … looks: a package may be half unpacked, or a host overloaded. */
const MOST_LOOKS_APART = 32;

/** How long the end of a look is waited for, in milliseconds. */
const CLOSE_MILLIS = 1_000;

/** The node as it is known, and the moment from which on all of it is. */
export interface NodeFacts {
  current(): Node;
  /**
   * Resolves once KVM was tried out, which costs up to 2 s at the first start after a boot, and the emulators were asked what they can do,
   * or after `close`.
   */
  readonly complete: Promise<void>;
  /** Looks now whether the host has changed, as is done every minute. */
  look(): Promise<void>;
  /** Whom to tell when the node has become another one; one at the most. */
  whenChanged(callback: () => void): void;
  /** Ends what is still being found out; the answer of an ended probe is not kept. */
  close(): Promise<void>;
}

export interface FactSources {
  readonly store: Store;
  readonly recorder: Recorder;
  readonly log: Log;
  readonly clock: Clock;
  readonly bootId: string;
  /** Whom machines run as; null for the agent's user. */
  readonly pool: UserPool | null;
  /** Of the node, found elsewhere. */
  readonly attributes: Readonly<Record<string, string>>;
  /** Where emulators are looked for; the agent's own `PATH` unless a test says otherwise. */
  readonly path?: string;
  readonly kvmDevice?: string;
  /** Gives back the memory that a look has taken, which nothing else of an agent at rest needs. */
  readonly rest?: () => Promise<void>;
}

export interface WatchSources extends FactSources {
  readonly node: NodeConfig;
  readonly id: string;
  readonly path: string;
}

/** Holds what is known of the host and looks again from time to time; what runs is nobody's business here. */
export class NodeWatch implements NodeFacts {
  complete: Promise<void> = Promise.resolve();
  private node: Node;
  private readonly ending = new AbortController();
  private readonly device: string;
  private deviceTrace: string;
  private looking: Promise<void> | null = null;
  private cancelLook = (): void => undefined;
  private changed = (): void => undefined;
  /** Looks until one that was left out is asked again, and how many it will be the next time. */
  private again = { left: 1, next: 2 };

  constructor(
    private readonly sources: WatchSources,
    private found: FoundHost,
    private trace: string,
  ) {
    this.device = sources.kvmDevice ?? KVM_DEVICE;
    this.deviceTrace = traceDevice(this.device);
    this.node = this.compose();
  }

  begin(): void {
    const { store, log } = this.sources;
    const asked = this.askAll(this.found.emulators.emulators, new Map()).then((capabilities) =>
      this.update({ capabilities }),
    );
    const probed = this.tryKvm(store.fact(KVM_RESULT));
    this.complete = Promise.all([asked, probed]).then(() => {
      if (this.ending.signal.aborted) return;
      const { attributes, qemu } = this.node;
      log.info("fingerprinted", {
        qemu: attributes["driver.qemu.version"] ?? qemu.description,
        kvm: qemu.kvm.usable ? "usable" : qemu.kvm.reason,
      });
      this.lookLater();
    });
  }

  current(): Node {
    return this.node;
  }

  whenChanged(callback: () => void): void {
    this.changed = callback;
  }

  async look(): Promise<void> {
    this.looking ??= this.complete
      .then(() => this.lookOnce())
      .finally(() => {
        this.looking = null;
      });
    await this.looking;
  }

  async close(): Promise<void> {
    this.ending.abort();
    this.cancelLook();
    await this.complete;
    // A program that hangs is not waited for; what it would have said is for nobody.
    await Promise.race([this.looking, delay(CLOSE_MILLIS, this.sources.clock)]);
  }

  private lookLater(): void {
    if (this.ending.signal.aborted) return;
    this.cancelLook = this.sources.clock.after(untilBeat(LOOK_EVERY), () => {
      const warn = (error: unknown): void =>
        this.sources.log.warn("what has changed of this host cannot be found out", { error: errorText(error) });
      this.look()
        .then(this.sources.rest)
        .catch(warn)
        .finally(() => this.lookLater());
    });
  }

  private async lookOnce(): Promise<void> {
    if (this.ending.signal.aborted) return;
    const before = this.node;
    const changing = describeChangingHost(this.sources.node.dataDir);
    const areOthers = await this.lookForEmulators();
    const deviceTrace = traceDevice(this.device);
    if (areOthers || deviceTrace !== this.deviceTrace) {
      // What was found out of another device, or by another QEMU, holds no more.
      await this.tryKvm(undefined);
      this.deviceTrace = deviceTrace;
    }
    this.update({ changing });
    this.tell(before);
  }

  /** @returns whether they are others than before. */
  private async lookForEmulators(): Promise<boolean> {
    const { path, node, log } = this.sources;
    const trace = traceEmulators(path);
    const isOther = trace !== this.trace;
    if (!isOther && !this.isTimeForThoseLeftOut()) return false;
    if (isOther) this.again = { left: 1, next: 2 };
    const before = this.found;
    const emulators = await findEmulators(path, node.emulatorsAllowlist);
    const news = emulators.leftOut.filter(
      (one) => !before.emulators.leftOut.some((old) => isDeepStrictEqual(old, one)),
    );
    for (const one of news) log.warn("emulator left out", { path: one.path, reason: one.reason });
    const capabilities = await this.askAll(emulators.emulators, isOther ? new Map() : before.capabilities);
    this.update({ emulators, capabilities });
    // Not before: a look that fails is made up for by the next one.
    this.trace = trace;
    return !isDeepStrictEqual(before.emulators.emulators, emulators.emulators);
  }

  private isTimeForThoseLeftOut(): boolean {
    if (this.found.emulators.leftOut.length === 0) return false;
    const { left, next } = this.again;
    this.again = left > 1 ? { left: left - 1, next } : { left: next, next: Math.min(MOST_LOOKS_APART, 2 * next) };
    return left <= 1;
  }

  /** One after the other, for a distribution ships about thirty and nothing waits for it. */
  private async askAll(
    emulators: readonly Emulator[],
    known: ReadonlyMap<string, Capabilities>,
  ): Promise<ReadonlyMap<string, Capabilities>> {
    const capabilities = new Map<string, Capabilities>();
    for (const emulator of emulators) {
      if (this.ending.signal.aborted) break;
      capabilities.set(
        emulator.name,
        known.get(emulator.name) ?? (await askCapabilities(emulator, this.ending.signal)),
      );
    }
    return capabilities;
  }

  private async tryKvm(remembered: string | undefined): Promise<void> {
    const { bootId, pool } = this.sources;
    const { signal } = this.ending;
    const options = { bootId, remembered, signal, device: this.device };
    const probe = await probeKvm(this.found.emulators.emulators, options);
    const kvm = probe.facts.usable && pool !== null ? await kvmForUsers(pool) : probe.facts;
    if (signal.aborted) return;
    this.update({ kvm });
    keepIfPossible(this.sources, () => {
      if (probe.remember !== null) this.sources.store.setFact(KVM_RESULT, probe.remember);
    });
  }

  private update(found: Partial<FoundHost>): void {
    if (this.ending.signal.aborted) return;
    this.found = { ...this.found, ...found };
    this.node = this.compose();
  }

  private compose(): Node {
    const { node, id, attributes } = this.sources;
    const composed = composeNode(node, id, this.found);
    return { ...composed, attributes: { ...composed.attributes, ...attributes } };
  }

  private tell(before: Node): void {
    if (isDeepStrictEqual(before, this.node) || this.ending.signal.aborted) return;
    const changes = changesOf(before, this.node);
    if (changes.length > 0) {
      this.sources.log.info("the host has changed", { attributes: changes.join(", ") });
      // Whoever waits for a change of the node is told.
      keepIfPossible(this.sources, () => undefined);
    }
    this.changed();
  }
}

/** What changes all the time is nothing to tell of. */
const ALWAYS_CHANGING = /^unique\.storage\.bytesfree$|^memory\.hugepages_\d+kb\.free$/;

function changesOf({ attributes: before }: Node, { attributes: now }: Node): string[] {
  const names = [...new Set([...Object.keys(before), ...Object.keys(now)])].toSorted();
  return names.filter((name) => before[name] !== now[name] && !ALWAYS_CHANGING.test(name));
}

/** What cannot be remembered is found out again at the next start: a full disk is no reason to know less now. */
function keepIfPossible({ recorder, log }: FactSources, work: () => void): void {
  try {
    recorder.record(work);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    log.warn("what was found out of this host is not remembered", { error: error.message });
  }
}
