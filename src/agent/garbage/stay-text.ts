import { AppError } from "../../base/errors.ts";
import { shortId } from "../../base/ids.ts";
import { utcTime } from "../../base/units.ts";
import type { Examined } from "./examine.ts";

/** Why an allocation that somebody wants gone stays. @param id its own. */
export function whyItStays(id: string, examined: Exclude<Examined, { readonly kind: "goes" }>): AppError {
  const [because, hint] = reasonOf(examined);
  return new AppError("conflict", `allocation ${shortId(id)} stays: ${because}`, { hint });
}

function reasonOf(examined: Exclude<Examined, { readonly kind: "goes" }>): readonly [because: string, hint?: string] {
  if (examined.kind === "none") return ["it has not ended", "stop it first"];
  if (examined.kind === "runs") return ["a process that belongs to no record runs for it", "paddock doctor names it"];
  const { stay, disks } = examined;
  switch (stay.because) {
    case "newest":
      return ["it is the last one of its job, which was not stopped", "stop the job first"];
    case "awaited":
      return ["its disk is for what takes its place", "stop the job first"];
    case "disk": {
      const paths = disks.map(({ path }) => path).join(", ");
      return [`a guest has written to ${paths}, which is kept until ${utcTime(stay.until)}`, "discard=true removes it"];
    }
  }
}
