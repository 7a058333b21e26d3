/** Which JavaScript runtime runs this program: the compiled binary and `bun` are `"bun"`, `deno run` is `"deno"`. */
export const runtimeKind: "bun" | "deno" = typeof Bun === "undefined" ? "deno" : "bun";
