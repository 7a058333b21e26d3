import { Buffer } from "node:buffer";
import { shortId } from "../../base/ids.ts";
import { shellWord } from "../../base/text.ts";
import { MILLISECOND } from "../../base/units.ts";
import type { StopReceipt } from "../../client/replies.ts";
import type { MachineEnd, Why } from "../../client/why.ts";
import { createConsoleText } from "../console/text.ts";
import { type Piece, statusPiece } from "../terminal/style.ts";
import { alignFacts, alignRows, breakText } from "../terminal/table.ts";
import { formatSpan, formatTime } from "../terminal/time.ts";
import { diskText } from "./disk.ts";
import { describeCounters, exitText, rungName } from "./receipt.ts";
import { timelineOf } from "./timeline.ts";

export interface WhyView {
  readonly columns: number;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** A post-mortem for people: the verdict and what to do first, then what happened when, then the last words. */
export function describeWhy(why: Why, view: WhyView): Piece[][] {
  const lines = [...describeNow(why, view)];
  const { End: end } = why;
  if (end === null) return lines;
  if (lines.length > 0) lines.push([]);
  lines.push(...describeVerdict(why, end, view));
  lines.push([], ...describeFacts(why, end, view.columns));
  lines.push([], [heading("Timeline")], ...alignRows(timelineOf(end), view.columns, "  "));
  const shown = end.Ending.Reason === "guest-panic" ? PANIC_LINES : LINES;
  lines.push(...lastWords("Serial console, its last lines", plainConsole(end.Remains?.Serial ?? ""), shown));
  lines.push(...lastWords("QEMU's own words, the last lines", end.Remains?.Stderr ?? "", LINES));
  lines.push(...describeCommandLine(end.Argv, view.columns));
  lines.push(...describeOthers(why, end, view.columns));
  return lines;
}

/** How many last lines are shown; a kernel that panics says why long before its last. */
const LINES = 20;
const PANIC_LINES = 60;

const heading = (text: string): Piece => ({ text, style: "bold" });

/** What the machine does now, unless the end is all there is to tell. */
function describeNow(why: Why, { now }: WhyView): Piece[][] {
  const { Machine: state, End: end } = why;
  const newest = end === null || end.Generation === why.Generation;
  // Of what ended under a former version nothing was kept.
  if (state === "ended" && end === null) {
    return [[subject(why), statusPiece(state), "; how was not kept: paddock alloc status tells what is known"]];
  }
  if (state === "ended" || (state === "backoff" && newest)) return [];
  const live = state === "running" || state === "stopping";
  const up = live && why.StartedAt > 0 ? `, for ${formatSpan(now * MILLISECOND - why.StartedAt)}` : "";
  const process = live && why.Pid !== null ? `, pid ${why.Pid}` : "";
  const guest = why.Guest === null || why.Guest === state ? "" : `, guest ${why.Guest}`;
  const start = why.Generation === 0 ? "" : ` (start ${why.Generation})`;
  const told = end === null ? "; it has not ended yet" : `; this is how start ${end.Generation} ended`;
  return [[subject(why), statusPiece(state), `${up}${process}${guest}${start}`, told]];
}

function subject({ JobID, Task }: Why): Piece {
  return `job "${JobID}", task "${Task}": `;
}

function describeVerdict(why: Why, end: MachineEnd, { columns, now }: WhyView): Piece[][] {
  const { Ending: ending } = end;
  const lived = end.StartedAt === 0 ? "" : `, ${formatSpan(end.EndedAt - end.StartedAt)} after its start`;
  const sentence: Piece = { text: `${ending.Message}${lived}`, style: ending.Failed ? "red" : "bold" };
  const facts: [string, Piece][] = [];
  if (ending.Hint) facts.push(["What to do", { text: ending.Hint, style: "cyan" }]);
  facts.push(["What is next", nextText(why, end, now)]);
  return [[subject(why), sentence], ...alignFacts(facts, columns)];
}

function nextText(why: Why, { Generation, Restart }: MachineEnd, now: number): string {
  if (!Restart.Restart) return `nothing, it stays so: ${Restart.Reason}`;
  const wait = why.RestartAt - now * MILLISECOND;
  if (why.Machine === "backoff" && why.Generation === Generation) {
    return wait > 0
      ? `it starts again in ${formatSpan(wait)}: ${Restart.Reason}`
      : `it starts again now: ${Restart.Reason}`;
  }
  const told = `it was to start again after ${formatSpan(Restart.Delay)}: ${Restart.Reason}`;
  return why.Generation === Generation ? `${told}; it was stopped before` : told;
}

function describeFacts(why: Why, end: MachineEnd, columns: number): Piece[][] {
  const { Ending: ending, Versions: versions, Image: image, Remains: remains } = end;
  const facts: [string, Piece][] = [
    ["Reason", ending.Reason],
    ["Machine", `start ${end.Generation} of allocation ${shortId(why.AllocID)}, job version ${why.JobVersion}`],
  ];
  if (end.StartedAt > 0)
    facts.push(["Started", `${formatTime(end.StartedAt)}${end.Adopted ? ", by an earlier agent" : ""}`]);
  facts.push(["Ended", endedText(end)]);
  facts.push(["Exit", `${exitText(ending)}${end.Pid === null ? "" : ` of pid ${end.Pid}`}`]);
  if (ending.Stop !== null) facts.push(["Stopped", stoppedText(ending.Stop)]);
  if (image !== null) facts.push([image.Mode === "direct" ? "Image" : "Disk", diskText(image)]);
  for (const { Source, Checksum } of why.Artifacts)
    facts.push(["Artifact", `${Source} (${Checksum ?? "no checksum asked for"})`]);
  const qemu = versions.Qemu === null ? "" : `QEMU ${versions.Qemu}, `;
  facts.push(["Versions", `${qemu}paddock ${versions.Paddock}, kernel ${versions.Kernel}`]);
  for (const line of remains?.Kernel?.Lines ?? []) facts.push(["Kernel's log", line]);
  if (remains?.Kernel?.Unread) facts.push(["Kernel's log", `not read: ${remains.Kernel.Unread}`]);
  if (ending.Cgroup !== null) facts.push(...describeCounters(ending.Cgroup));
  return alignFacts(facts, columns);
}

function stoppedText({ Cause, Rung, Took }: StopReceipt): string {
  const by = Rung === null ? "ended by itself" : `ended by ${rungName(Rung)}`;
  return `${Cause}: ${by} after ${formatSpan(Took)}`;
}

function endedText({ EndedAt, Ending, Watched }: MachineEnd): string {
  if (Watched) return formatTime(EndedAt);
  return `${formatTime(EndedAt)}, while no agent ran; found at ${formatTime(Ending.At)}`;
}

/** What the guest wrote, without the sequences that a terminal would obey. */
function plainConsole(text: string): string {
  const toText = createConsoleText();
  const plain = toText(Buffer.from(text)) + toText();
  return plain.replace(/\n(?:[ \t]*\n){2,}/g, "\n\n");
}

function lastWords(title: string, text: string, most: number): Piece[][] {
  if (text.trim() === "") return [];
  const lines = text.trimEnd().split("\n").slice(-most);
  return [[], [heading(title)], ...lines.map((line): Piece[] => [{ text: "  | ", style: "dim" }, line])];
}

/** One command that can be copied, broken at its words. */
function describeCommandLine(argv: readonly string[], columns: number): Piece[][] {
  if (argv.length === 0) return [];
  const width = Math.max(40, Math.min(columns, 120) - 4);
  const lines = breakText(optionsOf(argv).join(" "), width);
  return [
    [],
    [heading("Command line")],
    ...lines.map((line, at): Piece[] => [`  ${line.replaceAll("\0", " ")}${at === lines.length - 1 ? "" : " \\"}`]),
  ];
}

/** Each option with its value as one piece that is not broken, its spaces as NULs. */
function optionsOf(argv: readonly string[]): string[] {
  const pieces: string[] = [];
  for (const word of argv) {
    const quoted = shellWord(word).replaceAll(" ", "\0");
    const last = pieces.at(-1);
    if (!word.startsWith("-") && last?.startsWith("-") && !last.includes("\0")) {
      pieces[pieces.length - 1] = `${last}\0${quoted}`;
    } else pieces.push(quoted);
  }
  return pieces;
}

function describeOthers({ Ends, AllocID, Task }: Why, { Generation }: MachineEnd, columns: number): Piece[][] {
  const others = Ends.filter((end) => end.Generation !== Generation);
  const [first] = others;
  if (first === undefined) return [];
  const rows = others.map((end): Piece[] => [String(end.Generation), formatTime(end.At), end.Reason, end.Message]);
  // The job's name would lead to its newest allocation.
  const name = shellWord(`${shortId(AllocID)}/${Task}`);
  return [
    [],
    [heading("Other ends of this task")],
    ...alignRows(rows, columns, "  "),
    [{ text: `  paddock why -generation ${first.Generation} ${name} tells more`, style: "dim" }],
  ];
}
