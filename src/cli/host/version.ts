import { build } from "../../runtime/build.ts";
import type { Command } from "../command.ts";
import { EXIT } from "../exit.ts";

export const VERSION: Command = {
  names: ["version"],
  summary: "Print the version",
  operands: "",
  takes: [0, 0],
  flags: [],
  details: "Prints the version of this program and the commit that it was built from.",
  examples: ["paddock version"],
  run: async ({ context }) => {
    context.terminal.out.line(`paddock ${build.version} (${build.commit})`);
    return EXIT.ok;
  },
};
