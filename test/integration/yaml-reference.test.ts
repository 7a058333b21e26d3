import { expect, setDefaultTimeout, test } from "bun:test";
import { isMistake, outcomesOf } from "../helpers/expression-outcomes.ts";
import { judgeGenerated, REFERENCE_SEED } from "../helpers/generated.ts";
import { buildReference, type Reference } from "../helpers/reference.ts";
import { quoteHcl, yamlTexts } from "../helpers/yaml-texts.ts";

/** Whether YAML is read as Nomad reads it, whose own parser answers. Where it cannot be built this is skipped. */
const built = buildReference();
if (typeof built === "string") console.log(`the comparison of YAML with Nomad's parser is skipped: ${built}`);
const reference: Reference = typeof built === "string" ? () => [] : built;

setDefaultTimeout(300_000);

const TEXTS = 6000;

test.skipIf(typeof built === "string")(`${TEXTS} generated texts come to what they come to in Nomad`, () => {
  judgeGenerated(yamlTexts, { seed: REFERENCE_SEED, runs: TEXTS }, (texts) => {
    const outcomes = outcomesOf(
      reference,
      texts.map((text) => `yamldecode(${quoteHcl(text)})`),
    );
    // As many have a value as not: a comparison of errors alone would prove little.
    if (texts.length === TEXTS) {
      expect(outcomes.filter(({ theirs }) => theirs !== undefined).length).toBeGreaterThan(TEXTS / 4);
    }
    return outcomes.map(isMistake);
  });
});
