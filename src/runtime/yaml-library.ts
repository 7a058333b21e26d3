/**
 * The `yaml` package, loaded when it is first asked for: it is large, and few job files hold YAML. Bun's bundler puts into the binary what
 * `require` names; modules have none under Deno.
 */
export function yamlLibrary(): typeof import("yaml") {
  if (typeof require !== "undefined") return require("yaml");
  return process.getBuiltinModule("node:module").createRequire(import.meta.url)("yaml");
}
