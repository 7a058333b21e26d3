import { paddockBinary } from "../helpers/binary.ts";
import { testEnvironment } from "../helpers/run.ts";
import { alternate, type Bench, median } from "./bench.ts";

const ROUNDS = 20;

/** From the start of the program to its end, when its file is in memory. */
export const version: Bench = {
  name: "version",
  run: async () => {
    const binary = paddockBinary();
    const rounds = await alternate<"nothing" | "paddock", number>(ROUNDS, {
      nothing: () => timeProgram(["true"]),
      paddock: () => timeProgram([binary, "version"]),
    });
    return [
      {
        what: "paddock version (plain: true)",
        unit: "ms",
        plain: median(rounds.nothing),
        paddock: median(rounds.paddock),
        budget: { most: 25 },
      },
    ];
  },
};

/** Milliseconds. @throws when it fails. */
async function timeProgram(argv: readonly [string, ...string[]]): Promise<number> {
  const begin = performance.now();
  const child = Bun.spawn([...argv], { env: testEnvironment(), stdio: ["ignore", "ignore", "inherit"] });
  const code = await child.exited;
  const took = performance.now() - begin;
  if (code !== 0) throw new Error(`${argv.join(" ")} exited with ${code}`);
  return took;
}
