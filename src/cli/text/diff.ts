import type { FieldDiff, GroupDiff, JobDiff, ObjectDiff, TaskDiff } from "../../client/plan.ts";
import { type Piece, type Style, textOf } from "../terminal/style.ts";

/** A line of a diff, in pieces. */
type Line = Piece[];

const MARKS: Readonly<Record<string, Piece>> = {
  Added: { text: "+ ", style: "green" },
  Deleted: { text: "- ", style: "red" },
  Edited: { text: "+/- ", style: "yellow" },
};

const markOf = (type: string): Piece => MARKS[type] ?? "";
const spaces = (count: number): string => " ".repeat(Math.max(0, count));
const widest = (texts: readonly string[]): number => Math.max(0, ...texts.map((text) => text.length));

interface Part {
  readonly Type: string;
}

/** What all parts of a block are indented by behind their marks, so that their names stand in one column. */
const gapOf = (parts: readonly Part[]): number => widest(parts.map(({ Type }) => textOf(markOf(Type))));

/** A mark, and what its column leaves free. */
function marked({ Type }: Part, gap: number): Piece[] {
  const mark = markOf(Type);
  return [mark, spaces(gap - textOf(mark).length)];
}

/**
 * What differs between two jobs, as Nomad's CLI prints it.
 * @param verbose all of what is added or deleted, too, and not only that it is.
 */
export function describeDiff(job: JobDiff, verbose: boolean): Line[] {
  const gap = gapOf([...job.Fields, ...job.Objects, ...job.TaskGroups]);
  return [
    [markOf(job.Type), { text: `Job: ${quoted(job.ID)}`, style: "bold" }],
    ...(isShown(job, verbose) ? withBlank(describeInside(job, 0, gap)) : []),
    ...job.TaskGroups.flatMap((group) => [...describeGroup(group, gap, verbose), []]),
  ];
}

const isShown = ({ Type }: Part, verbose: boolean): boolean => Type === "Edited" || verbose;
const withBlank = (lines: readonly Line[]): Line[] => (lines.length === 0 ? [] : [...lines, []]);

function describeGroup(group: GroupDiff, gap: number, verbose: boolean): Line[] {
  const [mark = "", pad = ""] = marked(group, gap);
  const indent = textOf(pad).length + 2;
  const inner = gapOf([...group.Fields, ...group.Objects, ...group.Tasks]);
  return [
    [mark, pad, { text: `Task Group: ${quoted(group.Name)}`, style: "bold" }, ...describeUpdates(group)],
    ...(isShown(group, verbose) ? withBlank(describeInside(group, indent, inner)) : []),
    ...group.Tasks.flatMap((task) => describeTask(task, indent, inner, verbose)),
  ];
}

const UPDATES: Readonly<Record<string, Style>> = {
  create: "green",
  destroy: "red",
  "in-place update": "cyan",
  "create/destroy update": "yellow",
};

function describeUpdates({ Updates }: GroupDiff): Line {
  const parts = Object.entries(Updates)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([name, count], at): Piece[] => [at === 0 ? "" : ", ", colored(`${count} ${name}`, UPDATES[name])]);
  return parts.length === 0 ? [] : [" (", ...parts, ")"];
}

function describeTask(task: TaskDiff, indent: number, gap: number, verbose: boolean): Line[] {
  const title: Piece = { text: `Task: ${quoted(task.Name)}`, style: "bold" };
  const head: Line = [spaces(indent), ...marked(task, gap), title, ...describeAnnotations(task.Annotations)];
  if (task.Type === "None" || !isShown(task, verbose)) return [head];
  return [head, ...describeInside(task, indent + 2, gapOf([...task.Fields, ...task.Objects]))];
}

interface Inside {
  readonly Fields: readonly FieldDiff[];
  readonly Objects: readonly ObjectDiff[];
}

function describeInside({ Fields, Objects }: Inside, indent: number, gap: number): Line[] {
  const width = widest(Fields.map(({ Name }) => Name));
  return [
    ...Fields.map(
      (field): Line => [
        spaces(indent),
        ...marked(field, gap),
        `${field.Name}: ${spaces(width - field.Name.length)}${valueText(field)}`,
        ...describeAnnotations(field.Annotations),
      ],
    ),
    ...Objects.flatMap((object) => describeObject(object, indent, gap)),
  ];
}

function describeObject(object: ObjectDiff, indent: number, gap: number): Line[] {
  const [mark = "", pad = ""] = marked(object, gap);
  const inner = gapOf([...object.Fields, ...object.Objects]);
  return [
    [spaces(indent), mark, pad, `${object.Name} {`],
    ...describeInside(object, indent + textOf(pad).length + 2, inner),
    [spaces(indent + gap), "}"],
  ];
}

function valueText({ Type, Old, New }: FieldDiff): string {
  if (Type === "Edited") return `${quoted(Old)} => ${quoted(New)}`;
  return quoted(Type === "Deleted" ? Old : New);
}

function describeAnnotations(annotations: readonly string[]): Line {
  if (annotations.length === 0) return [];
  const pieces = annotations.flatMap((text, at): Piece[] => [at === 0 ? "" : ", ", colored(text, styleFor(text))]);
  return [" (", ...pieces, ")"];
}

const styleFor = (annotation: string): Style | undefined => UPDATES[annotation.replace(/^forces /, "")];

const colored = (text: string, style: Style | undefined): Piece => (style === undefined ? text : { text, style });

const quoted = (text: string): string => JSON.stringify(text);
