import { formatBytes } from "../../base/units.ts";
import type { Disk } from "../../client/explanation.ts";

/** A boot disk in one line: which file is written to, how large the guest sees it, and which image it stands over. */
export function diskText({ Path, Format, Mode, Size, Base }: Disk): string {
  const size = Size === null ? "" : `, ${formatBytes(Size)}`;
  if (Base !== null) return `${Path} (overlay${size}) over ${Base.Path} (${Base.Format})`;
  return Mode === "copy" ? `${Path} (copy, ${Format}${size})` : `${Path} (${Format}${size})`;
}
