/** One figure of Prometheus' text format. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface Exposition {
  readonly types: ReadonlyMap<string, string>;
  readonly samples: readonly Sample[];
  /** The one figure of this name with at least these labels. @throws when there is none, or several. */
  one(name: string, labels?: Readonly<Record<string, string>>): number;
}

const NAME = "[a-zA-Z_:][a-zA-Z0-9_:]*";
const ESCAPES: Readonly<Record<string, string>> = { "\\\\": "\\", '\\"': '"', "\\n": "\n" };

/** Reads Prometheus' text format 0.0.4 strictly. @throws with the line for whatever is not of it. */
export function parseExposition(text: string): Exposition {
  if (!text.endsWith("\n")) throw new Error("the last line does not end");
  const types = new Map<string, string>();
  const helps = new Set<string>();
  const closed = new Set<string>();
  const seen = new Set<string>();
  const samples: Sample[] = [];
  let current = "";
  const enter = (name: string, line: string): void => {
    if (name === current) return;
    if (closed.has(name)) throw new Error(`not beside its fellows: ${line}`);
    closed.add(current);
    current = name;
  };
  for (const line of text.slice(0, -1).split("\n")) {
    const head = new RegExp(`^# (HELP|TYPE) (${NAME}) (.*)$`).exec(line);
    if (head) {
      const [, kind, name = "", rest = ""] = head;
      enter(name, line);
      if (kind === "HELP" ? helps.has(name) : types.has(name)) throw new Error(`told twice: ${line}`);
      if (samples.some((sample) => sample.name === name)) throw new Error(`behind its samples: ${line}`);
      if (kind === "HELP") helps.add(name);
      else if (/^(counter|gauge)$/.test(rest)) types.set(name, rest);
      else throw new Error(`no type: ${line}`);
      continue;
    }
    const sample = readSample(line);
    enter(sample.name, line);
    if (!types.has(sample.name)) throw new Error(`without a type: ${line}`);
    const key = JSON.stringify([sample.name, Object.entries(sample.labels).toSorted()]);
    if (seen.has(key)) throw new Error(`told twice: ${line}`);
    seen.add(key);
    samples.push(sample);
  }
  return { types, samples, one: (name, labels = {}) => findOne(samples, name, labels) };
}

function readSample(line: string): Sample {
  const match = new RegExp(`^(${NAME})(?:\\{(.*)\\})? (\\S+)$`).exec(line);
  if (match === null) throw new Error(`no sample: ${line}`);
  const [, name = "", inner = "", number = ""] = match;
  const labels: Record<string, string> = {};
  let rest = inner;
  while (rest !== "") {
    const label = /^([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\["\\n])*)"(?:,(?=.)|$)/.exec(rest);
    if (label === null) throw new Error(`no label: ${rest} in ${line}`);
    const [whole, key = "", value = ""] = label;
    if (Object.hasOwn(labels, key)) throw new Error(`label told twice: ${line}`);
    labels[key] = value.replaceAll(/\\["\\n]/g, (escaped) => ESCAPES[escaped] ?? "");
    rest = rest.slice(whole.length);
  }
  const value = Number(number);
  if (!Number.isFinite(value)) throw new Error(`no number: ${line}`);
  return { name, labels, value };
}

function findOne(samples: readonly Sample[], name: string, labels: Readonly<Record<string, string>>): number {
  const found = samples.filter(
    (sample) => sample.name === name && Object.entries(labels).every(([key, value]) => sample.labels[key] === value),
  );
  const [only] = found;
  if (only !== undefined && found.length === 1) return only.value;
  throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`);
}
