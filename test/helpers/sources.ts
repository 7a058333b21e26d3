import { type SourceConfig, type SourceSettings, settleSources } from "../../src/artifact/source/rules.ts";
import type { AgentDirs } from "../../src/paths.ts";

/** What an agent of a test lets sources have: nothing of the host, unless told. */
export function testSources(dirs: AgentDirs, config: Partial<SourceConfig> = {}): SourceSettings {
  const none = { filePaths: [], netrcFile: null, caFile: null, certFile: null, keyFile: null, environment: [] };
  return settleSources({ ...none, ...config }, {}, dirs);
}
