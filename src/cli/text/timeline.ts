import type { MachineEnd } from "../../client/why.ts";
import type { Piece } from "../terminal/style.ts";
import { formatMoment } from "../terminal/time.ts";
import { eventText } from "./events.ts";
import { rungName } from "./receipt.ts";

/** One thing that happened, from one of the four that saw things happen. */
interface Entry {
  /** Nanoseconds since 1970. */
  readonly at: number;
  readonly who: "task" | "qemu" | "stop" | "end";
  readonly text: string;
}

/** What the agent, QEMU and the stop ladder say that happened, by time; what is said again and again is one row. */
export function timelineOf(end: MachineEnd): Piece[][] {
  const entries = [...taskEntries(end), ...monitorEntries(end), ...stopEntries(end), ...endEntries(end)];
  return collapse(entries.toSorted((a, b) => a.at - b.at)).map(({ at, who, text, again }): Piece[] => [
    formatMoment(at),
    { text: who, style: "dim" },
    again === null ? text : `${text} (${again.times} times until ${formatMoment(again.until).slice(11)})`,
  ]);
}

function taskEntries({ History }: MachineEnd): Entry[] {
  return History.map((event) => ({ at: event.Time, who: "task", text: `${event.Type}: ${eventText(event)}` }));
}

function monitorEntries({ Remains }: MachineEnd): Entry[] {
  return (Remains?.Events ?? []).map(({ At, Name, Data }) => ({
    at: At,
    who: "qemu",
    text: Data === "{}" || Data === "" ? Name : `${Name} ${Data}`,
  }));
}

function stopEntries({ Ending: { Stop } }: MachineEnd): Entry[] {
  return (Stop?.Tries ?? []).map(({ At, Rung, Answer }) => ({
    at: At,
    who: "stop",
    text: Answer === null ? rungName(Rung) : `${rungName(Rung)}: ${Answer}`,
  }));
}

function endEntries({ StartedAt, EndedAt, Pid }: MachineEnd): Entry[] {
  const pid = Pid === null ? "" : ` as pid ${Pid}`;
  if (StartedAt === 0) return [];
  return [
    { at: StartedAt, who: "task", text: `QEMU was started${pid}` },
    { at: EndedAt, who: "end", text: "the machine was gone" },
  ];
}

interface Row extends Entry {
  readonly again: { readonly times: number; readonly until: number } | null;
}

function collapse(entries: readonly Entry[]): Row[] {
  const rows: Row[] = [];
  for (const entry of entries) {
    const last = rows.at(-1);
    if (last !== undefined && last.who === entry.who && last.text === entry.text) {
      rows[rows.length - 1] = { ...last, again: { times: (last.again?.times ?? 1) + 1, until: entry.at } };
    } else rows.push({ ...entry, again: null });
  }
  return rows;
}
