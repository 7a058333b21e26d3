import { type SourceConfig, type SourceSettings, settleSources } from "../../src/artifact/source/rules.ts";
import type { AgentDirs } from "../../src/paths.ts";

/** A configuration that gives sources nothing of the host. */
export const NO_SOURCES: SourceConfig = {
  filePaths: [],
  netrcFile: null,
  caFile: null,
  certFile: null,
  keyFile: null,
  environment: [],
  connections: 4,
};

/** What an agent of a test lets sources have: nothing of the host, unless told. */
export function testSources(dirs: AgentDirs, config: Partial<SourceConfig> = {}): SourceSettings {
  return settleSources({ ...NO_SOURCES, ...config }, {}, dirs);
}
