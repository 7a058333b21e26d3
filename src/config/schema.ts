import * as v from "valibot";
import { LOG_LEVELS } from "../base/log.ts";
import { HOUR, MINUTE, SECOND } from "../base/units.ts";
import { attribute, block, blocks, type Infer, label, sameNames, single } from "../hcl/describe.ts";
import { choice, duration, flag, integer, list, mapOf, text } from "../hcl/leaf.ts";
import { httpFields } from "./schema-http.ts";
import { resourceFields } from "./schema-resources.ts";

const ABSOLUTE = "an absolute path";
const absolutePath = text(v.pipe(v.string(ABSOLUTE), v.regex(/^\/[^\u0000-\u001f\u007f]*$/, ABSOLUTE)));

const WORD = "text without spaces and control characters";
const word = text(v.pipe(v.string(WORD), v.regex(/^[^\s\u0000-\u001f\u007f]+$/, WORD)));

const pluginConfigBlock = block(
  sameNames({
    image_paths: attribute(list(absolutePath), { default: [] }),
    args_allowlist: attribute(list(text()), { default: [] }),
    emulators_allowlist: attribute(list(text()), { default: [] }),
    dynamic_workload_users: attribute(flag()),
  }),
);

const pluginBlock = block(sameNames({ name: label(), config: single(pluginConfigBlock) }));

/** Root is nobody's own user; higher numbers are not taken by every program, and -1 means "leave it as it is" to the kernel. */
const uid = integer({ min: 1, max: 2_147_483_647 });

const usersBlock = block(
  sameNames({
    dynamic_user_min: attribute(uid, { default: 80_000 }),
    dynamic_user_max: attribute(uid, { default: 89_999 }),
  }),
);

/** Ours. */
const artifactCacheBlock = block(
  sameNames({
    max_size_mb: attribute(integer({ min: 0 }), { default: 0 }),
    max_age: attribute(duration()),
  }),
);

const VARIABLES = "names of environment variables with commas between them";
const variables = text(v.pipe(v.string(VARIABLES), v.regex(/^[\s,A-Za-z0-9_]*$/, VARIABLES)));

const artifactBlock = block(
  sameNames({
    file_paths: attribute(list(absolutePath), { default: [] }),
    netrc_file: attribute(absolutePath),
    ca_file: attribute(absolutePath),
    cert_file: attribute(absolutePath),
    key_file: attribute(absolutePath),
    set_environment_variables: attribute(variables, { default: "" }),
    connections: attribute(integer({ min: 1, max: 16 }), { default: 4 }),
    parallel: attribute(integer({ min: 1, max: 256 }), { default: 16 }),
  }),
);

/** Percent of a file system. */
const percent = integer({ min: 0, max: 100 });

/** Nomad's, but for `gc_disk_retention`. */
const collectionFields = {
  gc_interval: attribute(duration(), { default: MINUTE }),
  gc_max_allocs: attribute(integer({ min: 0 }), { default: 50 }),
  gc_disk_usage_threshold: attribute(percent, { default: 80 }),
  gc_inode_usage_threshold: attribute(percent, { default: 70 }),
  gc_parallel_destroys: attribute(integer({ min: 1 }), { default: 2 }),
  gc_disk_retention: attribute(duration(), { default: 168 * HOUR }),
};

/** There is no server; these are what Nomad's keeps by. */
const serverBlock = block(
  sameNames({
    enabled: attribute(flag(), { default: true }),
    job_gc_threshold: attribute(duration(), { default: 4 * HOUR }),
    eval_gc_threshold: attribute(duration(), { default: HOUR }),
  }),
);

const clientBlock = block(
  sameNames({
    enabled: attribute(flag(), { default: true }),
    node_class: attribute(word),
    meta: attribute(mapOf(text()), { default: {}, form: "map" }),
    users: single(usersBlock),
    artifact_cache: single(artifactCacheBlock),
    artifact: single(artifactBlock),
    offline: attribute(flag(), { default: false }),
    trusted_keys: attribute(absolutePath),
    max_kill_timeout: attribute(duration(), { default: 30 * SECOND }),
    ...collectionFields,
    ...resourceFields,
  }),
);

/** The agent's configuration as it is written, in HCL or JSON; the names are the ones of Nomad's agent where it has them. */
export const configBlock = block(
  sameNames({
    data_dir: attribute(absolutePath),
    run_dir: attribute(absolutePath),
    log_level: attribute(choice(LOG_LEVELS), { default: "info" }),
    datacenter: attribute(word, { default: "dc1" }),
    name: attribute(word),
    plugins: blocks(pluginBlock, { name: "plugin" }),
    client: single(clientBlock),
    server: single(serverBlock),
    ...httpFields,
  }),
);

/** What a configuration file says; undefined is what it leaves to defaults that hang on the host. */
export type ConfigFile = Infer<typeof configBlock>;
