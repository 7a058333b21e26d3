import { RUNGS, rungText } from "../../allocation/ladder.ts";
import { formatBytes, MILLISECOND, SECOND } from "../../base/units.ts";
import type { CgroupNumbers, Ending, StopReceipt } from "../../client/replies.ts";
import type { Piece } from "../terminal/style.ts";
import { alignFacts, alignRows } from "../terminal/table.ts";
import { formatSpan, formatTime } from "../terminal/time.ts";

/** How a machine ended, for people: the reason, and for one that was stopped which rung of the ladder worked and when each was tried. */
export function describeEnding(ending: Ending, columns: number): Piece[][] {
  const { Stop: stop, Hint: hint } = ending;
  const facts: [string, Piece][] = [
    ["Ended", formatTime(ending.At)],
    [
      "Reason",
      {
        text: `${ending.Message}${ending.Reason === "" ? "" : ` (${ending.Reason})`}`,
        style: ending.Failed ? "red" : "bold",
      },
    ],
    ["Exit", exitText(ending)],
  ];
  if (stop !== null) {
    facts.push(["Stopped by", stop.Rung === null ? "itself, before any rung was tried" : rungName(stop.Rung)]);
    facts.push(["Took", `${formatSpan(stop.Took)} (${patienceText(stop)})`]);
  }
  if (ending.Cgroup !== null) facts.push(...describeCounters(ending.Cgroup));
  if (hint !== null && hint !== "") facts.push(["Hint", { text: hint, style: "cyan" }]);
  const lines = alignFacts(facts, columns);
  return stop === null || stop.Tries.length === 0 ? lines : [...lines, [], ...describeLadder(stop, ending, columns)];
}

/** What the kernel counted; what it did not count is left out. */
export function describeCounters({ MemoryPeak: peak, MemoryMax: max, CPUTime: cpu }: CgroupNumbers): [string, Piece][] {
  const limit = max === null ? "no limit" : `limit ${formatBytes(max)}`;
  return [
    ...(peak === null ? [] : [["Memory", `${formatBytes(peak)} at most, ${limit}`] satisfies [string, Piece]]),
    ...(cpu === null ? [] : [["CPU time", formatSpan(cpu)] satisfies [string, Piece]]),
  ];
}

/** What is known of QEMU's exit. */
export function exitText({ Reason: reason, ExitCode: code, Signal: signal }: Ending): string {
  if (signal > 0) return `signal ${signal}`;
  if (code !== null) return `status ${code}`;
  return reason === "not-started" ? "none, there was no process" : "unknown";
}

function patienceText(stop: StopReceipt): string {
  // Of a drain it is the deadline that forces.
  const by = stop.Cause === "alloc is being migrated" ? "forced:" : "forced by -signal";
  if (stop.Force !== null) return `${by} ${stop.Force}`;
  const delay = stop.ShutdownDelay > 0 ? `shutdown_delay ${formatSpan(stop.ShutdownDelay)}, ` : "";
  return stop.Graceful
    ? `${delay}kill_timeout ${formatSpan(stop.KillTimeout)}`
    : `${delay}the guest was not asked: graceful_shutdown is false or no guest ran`;
}

/** When each rung was tried, counted from the request; repeated presses of the button are one line. */
function describeLadder(stop: StopReceipt, ending: Ending, columns: number): Piece[][] {
  const rows: Piece[][] = [["0ms", `asked to stop: ${stop.Cause}`]];
  for (let at = 0; at < stop.Tries.length; ) {
    const first = stop.Tries[at];
    if (first === undefined) break;
    let end = at + 1;
    while (stop.Tries[end]?.Rung === first.Rung && stop.Tries[end]?.Answer === first.Answer) end++;
    const last = stop.Tries[end - 1] ?? first;
    const again = end - at === 1 ? "" : `, ${end - at} times until ${sinceRequest(stop, last.At)}`;
    const answer = first.Answer === null ? "" : `: ${first.Answer}`;
    rows.push([sinceRequest(stop, first.At), `${rungName(first.Rung)}${answer}${again}`]);
    at = end;
  }
  rows.push([sinceRequest(stop, ending.At), "the machine was gone"]);
  return alignRows(rows, columns, "  ");
}

/** Wire times are exact to 256 ns, so what is shown is milliseconds. */
function sinceRequest(stop: StopReceipt, at: number): string {
  const nanos = at - stop.RequestedAt;
  return nanos < 10 * SECOND ? `${Math.max(0, Math.round(nanos / MILLISECOND))}ms` : formatSpan(nanos);
}

/** Rungs of an agent that knows more of them than we do are shown by their own names. */
export function rungName(rung: string): string {
  const known = RUNGS.find((candidate) => candidate === rung);
  return known === undefined ? rung : rungText(known);
}
