/** Functions that look at their arguments as they are written, and not only at their values: `src/hcl/evaluation/special.ts` calls them. */
export const SPECIAL_NAMES = ["try", "can", "convert"] as const;
