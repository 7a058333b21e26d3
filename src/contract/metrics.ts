import * as v from "valibot";
import type { Metric } from "../stats/metric.ts";
import { TextMapSchema } from "./scalars.ts";

export const GaugeSchema = v.object({ Name: v.string(), Value: v.number(), Labels: TextMapSchema });

/** Nomad's counters are of the last ten seconds, these of the agent's whole life. */
export const CounterSchema = v.object({
  ...{ Name: v.string(), Labels: TextMapSchema, Count: v.number(), Sum: v.number(), Rate: v.number() },
  ...{ Min: v.number(), Max: v.number(), Mean: v.number(), Stddev: v.number() },
});

/** Reply of `GET /v1/metrics`, in the shape of Nomad's. */
export const MetricsSchema = v.object({
  /** In Go's form: `2026-01-01 00:00:00 +0000 UTC`. */
  Timestamp: v.pipe(v.string(), v.regex(/^\d{4}-\d{2}-\d{2} \d{2}:\d{2}:\d{2} \+0000 UTC$/)),
  Gauges: v.array(GaugeSchema),
  Counters: v.array(CounterSchema),
  Points: v.array(v.never()),
  Samples: v.array(v.never()),
});
export type WireMetrics = v.InferOutput<typeof MetricsSchema>;

/**
 * @param at milliseconds since 1970.
 * @param seconds since the agent was started, which rates are of.
 */
export function writeMetrics(metrics: readonly Metric[], at: number, seconds: number): WireMetrics {
  const pointsOf = (kind: Metric["kind"]) =>
    metrics
      .filter((metric) => metric.kind === kind)
      .flatMap(({ name, points }) => points.map(({ labels, value }) => ({ name, labels, value })));
  return {
    Timestamp: `${new Date(at).toISOString().slice(0, 19).replace("T", " ")} +0000 UTC`,
    Gauges: pointsOf("gauge").map(({ name, labels, value }) => ({ Name: name, Value: value, Labels: { ...labels } })),
    Counters: pointsOf("counter").map(({ name, labels, value }) => {
      // Each step counts one.
      const each = value > 0 ? 1 : 0;
      return {
        ...{ Name: name, Labels: { ...labels }, Count: value, Sum: value, Rate: seconds > 0 ? value / seconds : 0 },
        ...{ Min: each, Max: each, Mean: each, Stddev: 0 },
      };
    }),
    Points: [],
    Samples: [],
  };
}
