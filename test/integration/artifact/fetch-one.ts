import { mkdirSync } from "node:fs";
import { planArtifact } from "../../../src/artifact/plan.ts";
import { AppError } from "../../../src/base/errors.ts";
import { cacheDir, taskDirs } from "../../../src/paths.ts";
import { fetchHere } from "../../helpers/artifact.ts";

/** Fetches `argv[2]` with the options of `argv[4]` (JSON) below `argv[3]`, and prints how that ended. */
const [, , source = "", dataDir = "", options = "{}"] = process.argv;
const dirs = taskDirs({ dataDir, runDir: dataDir }, "id", "vm");
mkdirSync(dirs.local, { recursive: true });
const artifact = { source, destination: "local/", mode: "any", headers: {}, insecure: false } as const;
try {
  const plan = planArtifact({ ...artifact, options: JSON.parse(options) as Record<string, string> }, dirs);
  const { bytes } = await fetchHere(plan, cacheDir({ dataDir, runDir: dataDir }));
  console.log(JSON.stringify({ bytes }));
} catch (error) {
  if (!(error instanceof AppError)) throw error;
  console.log(JSON.stringify({ message: error.message, hint: error.hint }));
}
