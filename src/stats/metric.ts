/** A figure of the agent's with everything that it is told of. */
export interface Metric {
  /** Nomad's form: words with dots between. */
  readonly name: string;
  /** A counter never goes back while what it counts lives. */
  readonly kind: "gauge" | "counter";
  /** One line for people. */
  readonly help: string;
  readonly points: readonly MetricPoint[];
}

export interface MetricPoint {
  /** Names are `[a-z_]+`; no two points of a metric have the same labels. */
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** What Prometheus is told that it reads: its text format, version 0.0.4. */
export const EXPOSITION_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Metrics in Prometheus' text format; those without points are left out. */
export function writeExposition(metrics: readonly Metric[]): string {
  const lines = metrics.flatMap(({ name, kind, help, points }) => {
    const word = name.replaceAll(/[.-]/g, "_");
    const told = points.map(({ labels, value }) => `${word}${writeLabels(labels)} ${value}`);
    const head = [`# HELP ${word} ${help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n")}`, `# TYPE ${word} ${kind}`];
    return told.length === 0 ? [] : [...head, ...told];
  });
  return lines.map((line) => `${line}\n`).join("");
}

function writeLabels(labels: Readonly<Record<string, string>>): string {
  const told = Object.entries(labels).map(([name, value]) => `${name}="${escapeLabel(value)}"`);
  return told.length === 0 ? "" : `{${told.join(",")}}`;
}

function escapeLabel(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
