import { attribute, block, converted, type Infer } from "../../hcl/describe.ts";
import { flag, text } from "../../hcl/leaf.ts";
import type { Reporter } from "../../hcl/places.ts";
import type { Constraint } from "../job.ts";

/** What a `constraint` may hold; the short forms (`version = ">= 7"`) exist in HCL only. */
const writtenBlock = block({
  attribute: attribute(text(), { json: "LTarget", default: "" }),
  operator: attribute(text(), { json: "Operand", default: "" }),
  value: attribute(text(), { json: "RTarget", default: "" }),
  version: attribute(text()),
  semver: attribute(text()),
  regexp: attribute(text()),
  set_contains: attribute(text()),
  set_contains_any: attribute(text()),
  distinct_hosts: attribute(flag()),
  distinct_property: attribute(text()),
});

type Written = Infer<typeof writtenBlock>;

/** Short forms that say operator and value at once. */
const VALUE_FORMS = ["version", "semver", "regexp", "set_contains", "set_contains_any"] as const;
const SHORT_FORMS = [...VALUE_FORMS, "distinct_hosts", "distinct_property"] as const;

/** `constraint { … }` of a job, group or task. An operator that is not written is `=`. */
export const constraintBlock = converted(writtenBlock, {
  read: resolveShortForm,
  write: (constraint: Constraint): Written => ({
    ...constraint,
    ...(Object.fromEntries(SHORT_FORMS.map((form) => [form, undefined])) as Record<
      (typeof SHORT_FORMS)[number],
      undefined
    >),
  }),
});

function resolveShortForm(written: Written, at: Reporter): Constraint {
  const { attribute: left, operator, value } = written;
  const [form, second] = SHORT_FORMS.filter((name) => written[name] !== undefined);
  if (form === undefined) return { attribute: left, operator: operator || "=", value };
  if (second !== undefined) at.error(second, `${form} and ${second} are two conditions`, "write two constraint blocks");
  else if (operator !== "") at.error("operator", `${form} is itself an operator`, `leave out operator, or ${form}`);
  if (form === "distinct_hosts") return { attribute: left, operator: form, value: String(written.distinct_hosts) };
  if (form === "distinct_property") return { attribute: written[form] ?? "", operator: form, value };
  if (value !== "") at.error("value", `${form} holds the value already`, `leave out value, or ${form}`);
  return { attribute: left, operator: form, value: written[form] ?? "" };
}
