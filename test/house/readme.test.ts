import { describe, expect, test } from "bun:test";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { createApi } from "../../src/api/app.ts";
import { silentLog } from "../../src/base/log.ts";
import { COMMANDS } from "../../src/cli/commands.ts";
import { loadAgentConfig } from "../../src/config/load.ts";
import { createFakeAgent } from "../helpers/fake-agent.ts";
import { RANKS } from "./source-rules.ts";

const HOME = join(import.meta.dirname, "..", "..");
const readme = readFileSync(join(HOME, "README.md"), "utf8");

/** The cells of the table behind a mark, without their code quotes. */
function table(mark: string): string[][] {
  const [, behind = ""] = readme.split(`<!-- ${mark} -->\n`);
  const lines = behind.split("\n");
  const end = lines.findIndex((line) => !line.startsWith("|"));
  const rows = lines.slice(2, end).map((line) => line.split("|").slice(1, -1));
  expect(rows.length).toBeGreaterThan(3);
  return rows.map((cells) => cells.map((cell) => cell.trim().replace(/^`([^`]*)`$/, "$1")));
}

describe("the README's table of", () => {
  test("folders is the source tree with its ranks", () => {
    const told = table("folders").map(([rank, folder]) => `${rank} ${folder}`);
    const real = RANKS.flatMap((folders, rank) =>
      folders
        .filter((name) => !name.endsWith(".ts") && existsSync(join(HOME, "src", name)))
        .map((name) => `${rank} src/${name}`),
    );
    expect(told.toSorted()).toEqual(real.toSorted());
    const folders = readdirSync(join(HOME, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    expect(real).toHaveLength(folders.length);
  });

  test("commands is the CLI's own", () => {
    expect(table("commands").map(([name]) => name)).toEqual(COMMANDS.map(({ names }) => `paddock ${names[0]}`));
  });

  test("routes is the API's own", () => {
    const { routes } = createApi(createFakeAgent(), { log: silentLog, version: "", httpAddress: "" });
    const told = table("routes").flatMap(([path, methods]) =>
      (methods ?? "").split(", ").map((method) => `${method} ${path}`),
    );
    expect(told.toSorted()).toEqual(routes.map(({ method, path }) => `${method} ${path}`).toSorted());
  });

  test("configuration keys is what the agent takes", () => {
    for (const [key = ""] of table("configuration")) {
      const path = key.split(".");
      const text = path.reduceRight((inner, name) => {
        if (inner === "") return `${name} = null`;
        return name === "plugin" ? `plugin "qemu" {\n${inner}\n}` : `${name} {\n${inner}\n}`;
      }, "");
      const { diagnostics } = loadAgentConfig("test.hcl", text);
      expect(
        diagnostics.filter(({ message }) => message.startsWith("unknown")).map(({ message }) => `${key}: ${message}`),
      ).toEqual([]);
    }
    expect(loadAgentConfig("test.hcl", "no_such_key = null").diagnostics[0]?.message).toStartWith("unknown");
  });

  test("examples of a configuration are valid ones", () => {
    const examples = [...readme.matchAll(/```hcl\n(data_dir[\s\S]*?)```/g)].map((match) => match[1] ?? "");
    expect(examples).toHaveLength(1);
    expect(loadAgentConfig("README.md", examples[0] ?? "").diagnostics).toEqual([]);
  });
});

test("every package that the binary or its tests are made of is named under Decisions", () => {
  const manifest = JSON.parse(readFileSync(join(HOME, "package.json"), "utf8")) as Record<
    string,
    Record<string, string>
  >;
  const [, decisions = ""] = readme.split("## Decisions");
  const names = [...Object.keys(manifest["dependencies"] ?? {}), ...Object.keys(manifest["devDependencies"] ?? {})];
  const unnamed = names.filter(
    (name) => !name.startsWith("@types/") && !decisions.includes(`\`${name.replace(/^@[^/]+\//, "")}\``),
  );
  expect(unnamed).toEqual([]);
});
