import { HOUR, MINUTE, SECOND } from "../../base/units.ts";
import { attribute, block, type Infer, ignored } from "../../hcl/describe.ts";
import { choice, duration, integer } from "../../hcl/leaf.ts";
import { isBatch } from "../is-batch.ts";
import type { Job, RestartPolicy } from "../job.ts";
import { flagAs } from "./without-effect.ts";

/** `restart { … }`: what is not written comes from the group, or from the job's type. */
export const restartBlock = block({
  attempts: attribute(integer({ min: 0 }), { json: "Attempts" }),
  interval: attribute(duration(), { json: "Interval" }),
  delay: attribute(duration(), { json: "Delay" }),
  mode: attribute(choice(["delay", "fail"]), { json: "Mode" }),
  render_templates: ignored("has no effect: templates are rendered before every start of a machine", {
    json: "RenderTemplates",
    encoded: false,
    as: flagAs("RenderTemplates"),
  }),
});

type WrittenRestart = Infer<typeof restartBlock>;

/** Nomad's defaults: a service is given up after 2 restarts in 30 minutes, a batch job after 3 in a day. */
export function defaultRestart(type: Job["type"]): RestartPolicy {
  return isBatch({ type })
    ? { attempts: 3, interval: 24 * HOUR, delay: 15 * SECOND, mode: "fail" }
    : { attempts: 2, interval: 30 * MINUTE, delay: 15 * SECOND, mode: "fail" };
}

/** What is written over what holds otherwise. */
export function mergeRestart(written: WrittenRestart | undefined, otherwise: RestartPolicy): RestartPolicy {
  return {
    attempts: written?.attempts ?? otherwise.attempts,
    interval: written?.interval ?? otherwise.interval,
    delay: written?.delay ?? otherwise.delay,
    mode: written?.mode ?? otherwise.mode,
  };
}
