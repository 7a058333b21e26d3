/** How deep blocks, parentheses and values of JSON may stand in each other. */
export const MAX_TEMPLATE_DEPTH = 100;

/** How many steps the templates of one task may take: each action, each turn of a loop, each value that a function looks at is one. */
export const MAX_TEMPLATE_STEPS = 1_000_000;

/** How much text the templates of one task may make, in UTF-16 code units, what is thrown away again included. */
export const MAX_TEMPLATE_TEXT = 16 * 1024 * 1024;

/** How many words the actions of one template may have; reading so many takes half a second, and a long one has a few hundred. */
export const MAX_TEMPLATE_WORDS = 100_000;

/** How many functions that are not there are told of one template. */
export const MAX_TEMPLATE_PROBLEMS = 20;

/** Text is looked at much faster than steps are taken. */
export const TEXT_PER_STEP = 64;
