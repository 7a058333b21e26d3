import { monotonicMillis } from "../../base/clock.ts";
import type { Draft } from "./draft.ts";
import type { Island } from "./islands.ts";
import type { Ranges } from "./ranges.ts";
import type { Sink } from "./sink.ts";

/** When a file is worth more than one connection, and how it is found out. */
export interface RangeRule {
  /** Less than this is not worth it, in bytes. */
  readonly leastBytes: number;
  /** Bytes of one request. */
  readonly pieceBytes: number;
  /** The beginning of a connection, whose rate says nothing yet, in milliseconds. */
  readonly warmMillis: number;
  /** How long a rate is measured behind it, in milliseconds. */
  readonly measureMillis: number;
  /** Several connections must bring so many times what one brought, or they only take other people's place. */
  readonly gain: number;
  /** One of several connections is given up after so much silence, in milliseconds: sooner than the only one, for the others can bring what it does not. */
  readonly silenceMillis: number;
}

export const DEFAULT_RANGES: RangeRule = {
  leastBytes: 64 << 20,
  pieceBytes: 8 << 20,
  warmMillis: 1000,
  measureMillis: 2000,
  gain: 1.25,
  silenceMillis: 10_000,
};

/** Bytes a second: hardly less than a line of a Gbit/s bears. What comes so fast is held up by no limit on a connection. */
const FAST_ENOUGH = 100e6;

export interface TrialRequest {
  readonly rule: RangeRule;
  /** Bytes of the whole file. */
  readonly total: number;
  readonly draft: Draft;
  /** Opens further connections for what is behind `start`. */
  readonly open: (start: number, windowBytes: number) => Ranges;
  readonly now?: () => number;
}

/**
 * Finds out whether further connections bring a file sooner, while the first one goes on as if there were none. Where an earlier try left
 * something behind a gap this is known already.
 */
export interface Trial {
  /** Takes what the first connection brings. */
  readonly first: Sink;
  /** Counts bytes of any connection. */
  count(bytes: number): void;
  /** Whether the first connection has brought its part, and the others have the rest. */
  isOver(): boolean;
  /** The further connections, once there were any. */
  readonly ranges: Ranges | null;
  /** Whether it came out that they bring nothing. */
  readonly isLost: boolean;
}

type Stage =
  | { readonly kind: "alone"; readonly gauge: Gauge }
  | { readonly kind: "trying"; readonly gauge: Gauge; readonly alone: number; readonly ranges: Ranges }
  | { readonly kind: "several"; readonly ranges: Ranges }
  | { readonly kind: "settled"; readonly ranges: Ranges | null; readonly isLost: boolean };

export function createTrial({ rule, total, draft, open, now = monotonicMillis }: TrialRequest): Trial {
  const gauge = (): Gauge => createGauge(rule, now);
  const resume = (first: Island): Stage => {
    return { kind: "several", ranges: open(first.start, Math.max(rule.pieceBytes, first.start - draft.bytes)) };
  };
  const [left] = draft.islands;
  let stage: Stage = left === undefined ? { kind: "alone", gauge: gauge() } : resume(left);
  const tryOut = (alone: number): void => {
    // The first connection gets there when it is known what the others bring.
    const seconds = (rule.warmMillis * 2 + rule.measureMillis) / 1000;
    const ahead = Math.max(rule.pieceBytes, Math.ceil(alone * seconds));
    const start = draft.bytes + ahead;
    if (alone >= FAST_ENOUGH || total - start < rule.leastBytes) {
      stage = { kind: "settled", ranges: null, isLost: false };
      return;
    }
    stage = { kind: "trying", gauge: gauge(), alone, ranges: open(start, ahead) };
  };
  const judge = (rate: number): void => {
    if (stage.kind !== "trying") return;
    const { ranges, alone } = stage;
    if (!ranges.ended && rate >= alone * rule.gain) {
      stage = { kind: "several", ranges };
      return;
    }
    stage = { kind: "settled", ranges, isLost: true };
    ranges.giveUp();
  };
  return {
    first: {
      write(chunk) {
        if (stage.kind === "trying" && draft.bytes + chunk.length >= stage.ranges.start) judge(stage.gauge.soFar());
        // What is behind their start is theirs alone: no byte is written by two.
        const room = stage.kind === "several" ? stage.ranges.start - draft.bytes : chunk.length;
        if (room > 0) draft.write(chunk.subarray(0, room));
      },
    },
    count(bytes) {
      if (stage.kind !== "alone" && stage.kind !== "trying") return;
      const rate = stage.gauge.add(bytes);
      if (rate === undefined) return;
      if (stage.kind === "alone") tryOut(rate);
      else judge(rate);
    },
    isOver: () => stage.kind === "several" && draft.bytes >= stage.ranges.start,
    get ranges() {
      return stage.kind === "alone" ? null : stage.ranges;
    },
    get isLost() {
      return stage.kind === "settled" && stage.isLost;
    },
  };
}

interface Gauge {
  /** @returns bytes a second, once they were measured for long enough. */
  add(bytes: number): number | undefined;
  /** Bytes a second as far as is known. */
  soFar(): number;
}

function createGauge({ warmMillis, measureMillis }: RangeRule, now: () => number): Gauge {
  const opened = now();
  let since: number | undefined;
  let bytes = 0;
  const rate = (at: number): number => (since === undefined || at <= since ? 0 : (bytes / (at - since)) * 1000);
  return {
    add(count) {
      const at = now();
      if (since === undefined) {
        if (at - opened >= warmMillis) since = at;
        return undefined;
      }
      bytes += count;
      return at - since >= measureMillis ? rate(at) : undefined;
    },
    soFar: () => rate(now()),
  };
}
