import { compileRegexp, type Regexp } from "../../regexp/regexp.ts";
import { replaceAll } from "../../regexp/replace.ts";
import { TemplateFault } from "../fault.ts";
import { flagItem, textItem } from "../item.ts";
import { type FunctionTable, fixed, type Surroundings, textAt } from "./function.ts";

/** Regular expressions, as Go has them. */
export const PATTERN_FUNCTIONS: FunctionTable = {
  regexMatch: fixed(2, (values, surroundings) => {
    const text = textAt(values, 1).toWellFormed();
    const found = compile(textAt(values, 0), surroundings).find(text, 0, stepper(surroundings));
    return flagItem(found !== undefined);
  }),
  regexReplaceAll: fixed(3, (values, surroundings) => {
    const { budget } = surroundings;
    const [pattern, template, text] = [textAt(values, 0), textAt(values, 1), textAt(values, 2)];
    budget.text(text.length);
    const grow = (length: number): void => budget.text(length);
    return textItem(replaceAll(compile(pattern, surroundings), text, template, stepper(surroundings), grow));
  }),
};

/** A step of a search is much less than one of a template. */
const SEARCH_STEPS_PER_STEP = 16;

const stepper =
  ({ budget }: Surroundings) =>
  (work: number): void =>
    budget.step(Math.ceil(work / SEARCH_STEPS_PER_STEP));

function compile(pattern: string, { budget }: Surroundings): Regexp {
  // Reading one takes a time that goes with its length.
  budget.step(pattern.length + 1);
  const compiled = compileRegexp(pattern);
  if (compiled.ok) return compiled.regexp;
  throw new TemplateFault(`value 1 is no regular expression: ${compiled.message}`, {
    ...(compiled.hint !== undefined && { hint: compiled.hint }),
  });
}
