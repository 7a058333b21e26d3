import { TemplateFault } from "./fault.ts";
import { MAX_TEMPLATE_STEPS, MAX_TEMPLATE_TEXT, TEXT_PER_STEP } from "./limits.ts";

/** What the templates of one task may still do. One budget serves all of them, so that no trick adds up. */
export class TemplateBudget {
  #steps = MAX_TEMPLATE_STEPS;
  #text = MAX_TEMPLATE_TEXT;

  /** @throws TemplateFault. */
  step(count = 1): void {
    this.#steps -= count;
    if (this.#steps < 0) throw new TemplateFault(`it takes more than ${MAX_TEMPLATE_STEPS} steps`);
  }

  /** Counts a look at all of a text. @param length in UTF-16 code units. @throws TemplateFault. */
  look(length: number): void {
    this.step(Math.ceil(length / TEXT_PER_STEP));
  }

  /** Asks for text before it is made. @param length in UTF-16 code units. @throws TemplateFault. */
  text(length: number): void {
    this.#text -= length;
    if (this.#text < 0) throw new TemplateFault(`it makes more than ${MAX_TEMPLATE_TEXT} characters of text`);
  }
}
