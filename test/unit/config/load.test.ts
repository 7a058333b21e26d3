import { describe, expect, test } from "bun:test";
import { AppError } from "../../../src/base/errors.ts";
import { SECOND } from "../../../src/base/units.ts";
import { type AgentConfig, completeConfig } from "../../../src/config/agent-config.ts";
import { emptyConfig, loadAgentConfig } from "../../../src/config/load.ts";
import { MAX_SOCKET_PATH, machineSockets } from "../../../src/paths.ts";
import { NO_RESOURCES } from "../../helpers/capacity.ts";
import { NO_SOURCES } from "../../helpers/sources.ts";

const DEFAULTS = { dataDir: "/var/lib/paddock", runDir: "/run/paddock" };

function complete(text: string) {
  const { config, diagnostics } = loadAgentConfig("paddock.hcl", text);
  if (config === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return completeConfig(config, DEFAULTS, "host1");
}

const messagesOf = (text: string) =>
  loadAgentConfig("paddock.hcl", text).diagnostics.map(({ where, message, hint }) =>
    [where, message, hint].filter((part) => part !== undefined).join(" | "),
  );

const NO_HTTP = { addresses: [], port: 4646, advertise: null, tls: null, allowPlaintext: false, maxPerClient: 100 };

const WHOLE: AgentConfig = {
  dirs: { dataDir: "/srv/paddock", runDir: "/run/p" },
  logLevel: "debug",
  datacenter: "lab",
  name: "box-1",
  nodeClass: "big",
  meta: { rack: "7", ssd: "true" },
  policy: {
    imagePaths: ["/mnt/image/paths"],
    argsAllowlist: ["-drive"],
    emulatorsAllowlist: ["x86_64"],
    maxKillTimeout: 300 * SECOND,
  },
  cache: { maxBytes: 2 ** 31, maxAgeMillis: 24 * 3_600_000 },
  artifact: { ...NO_SOURCES, parallel: 16 },
  site: { offline: true, trustedKeys: "/etc/paddock/keys.pem" },
  socket: { group: "ops", mode: 0o600 },
  http: NO_HTTP,
  garbage: {
    intervalMillis: 300_000,
    maxAllocs: 10,
    diskUsage: 90,
    inodeUsage: 85,
    diskRetentionMillis: 0,
    jobThresholdMillis: 3_600_000,
    evalThresholdMillis: 60_000,
  },
  users: { wanted: true, min: 70000, max: 70009 },
  resources: NO_RESOURCES,
};

describe("the agent's configuration", () => {
  test("may be empty or absent, and has the defaults of its user then", () => {
    const expected: AgentConfig = {
      dirs: DEFAULTS,
      logLevel: "info",
      datacenter: "dc1",
      name: "host1",
      nodeClass: "",
      meta: {},
      policy: { imagePaths: [], argsAllowlist: [], emulatorsAllowlist: [], maxKillTimeout: 30 * SECOND },
      cache: { maxBytes: 0, maxAgeMillis: 720 * 3_600_000 },
      artifact: { ...NO_SOURCES, parallel: 16 },
      socket: { group: null, mode: 0o660 },
      http: NO_HTTP,
      site: { offline: false, trustedKeys: null },
      garbage: {
        intervalMillis: 60_000,
        maxAllocs: 50,
        diskUsage: 80,
        inodeUsage: 70,
        diskRetentionMillis: 168 * 3_600_000,
        jobThresholdMillis: 4 * 3_600_000,
        evalThresholdMillis: 3_600_000,
      },
      users: { wanted: undefined, min: 80000, max: 89999 },
      resources: NO_RESOURCES,
    };
    expect(complete("")).toEqual(expected);
    expect(complete("{}")).toEqual(expected);
    expect(completeConfig(emptyConfig(), DEFAULTS, "host1")).toEqual(expected);
  });

  test("says what sources of artifacts may have of the host", () => {
    const text = `client {
      artifact {
        file_paths = ["/srv/images"]
        netrc_file = "/etc/paddock/netrc"
        ca_file    = "/etc/paddock/ca.pem"
        cert_file  = "/etc/paddock/cert.pem"
        key_file   = "/etc/paddock/key.pem"

        connections               = 2
        parallel                  = 3
        set_environment_variables = "AWS_REGION, AWS_ACCESS_KEY_ID"
      }
    }`;
    expect(complete(text).artifact).toEqual({
      filePaths: ["/srv/images"],
      netrcFile: "/etc/paddock/netrc",
      caFile: "/etc/paddock/ca.pem",
      certFile: "/etc/paddock/cert.pem",
      keyFile: "/etc/paddock/key.pem",
      environment: ["AWS_REGION", "AWS_ACCESS_KEY_ID"],
      connections: 2,
      parallel: 3,
    });
    expect(messagesOf('client {\nartifact {\ncert_file = "/c"\n}\n}').join()).toContain(
      "key_file must be set where cert_file is",
    );
    expect(messagesOf('client {\nartifact {\nset_environment_variables = "A=B"\n}\n}').join()).toContain("with commas");
    expect(messagesOf("client {\nartifact {\nconnections = 0\n}\n}").join()).toContain("from 1 to 16");
    expect(messagesOf('client {\nartifact {\nnetrc_file = ".netrc"\n}\n}').join()).toContain("an absolute path");
  });

  test("keeps what is in the cache for ever where nothing can be fetched again, unless it is told", () => {
    expect(complete("client {\n offline = true\n}").cache.maxAgeMillis).toBe(0);
    const told = 'client {\n offline = true\n artifact_cache {\n max_age = "1h"\n }\n}';
    expect(complete(told).cache.maxAgeMillis).toBe(3_600_000);
  });

  test("has the plugin block of Nomad's documentation", () => {
    const text = `plugin "qemu" {
      config {
        image_paths    = ["/mnt/image/paths"]
        args_allowlist = ["-drive", "-usbdevice"]
      }
    }`;
    expect(complete(text).policy).toEqual({
      imagePaths: ["/mnt/image/paths"],
      argsAllowlist: ["-drive", "-usbdevice"],
      emulatorsAllowlist: [],
      maxKillTimeout: 30 * SECOND,
    });
  });

  test("is read whole from HCL", () => {
    const text = `
      data_dir   = "/srv/paddock"
      run_dir    = "/run/p"
      log_level  = "debug"
      datacenter = "lab"
      name       = "box-1"
      api_group  = "ops"
      api_mode   = "0600"

      plugin "qemu" {
        config {
          image_paths         = ["/mnt/image/paths"]
          args_allowlist      = ["-drive"]
          emulators_allowlist = ["x86_64"]

          dynamic_workload_users = true
        }
      }

      client {
        enabled    = true
        node_class = "big"
        max_kill_timeout = "5m"
        gc_interval               = "5m"
        gc_max_allocs             = 10
        gc_disk_usage_threshold   = 90
        gc_inode_usage_threshold  = 85
        gc_parallel_destroys      = 4
        gc_disk_retention         = "0"
        meta {
          rack = 7
          ssd  = true
        }
        offline      = true
        trusted_keys = "/etc/paddock/keys.pem"
        artifact_cache {
          max_size_mb = 2048
          max_age     = "24h"
        }
        users {
          dynamic_user_min = 70000
          dynamic_user_max = 70009
        }
      }

      server {
        enabled           = true
        job_gc_threshold  = "1h"
        eval_gc_threshold = "1m"
      }`;
    expect(complete(text)).toEqual(WHOLE);
  });

  test.each([["object"], ["list"]])("is read whole from JSON with its plugin in an %s", (form) => {
    const qemu = {
      config: {
        image_paths: ["/mnt/image/paths"],
        args_allowlist: ["-drive"],
        emulators_allowlist: ["x86_64"],
        dynamic_workload_users: true,
      },
    };
    const json = {
      data_dir: "/srv/paddock",
      run_dir: "/run/p",
      log_level: "debug",
      datacenter: "lab",
      name: "box-1",
      api_group: "ops",
      api_mode: "0600",
      plugin: form === "list" ? [{ qemu: [qemu] }] : { qemu },
      client: {
        enabled: true,
        node_class: "big",
        max_kill_timeout: "5m",
        gc_interval: "5m",
        gc_max_allocs: 10,
        gc_disk_usage_threshold: 90,
        gc_inode_usage_threshold: 85,
        gc_parallel_destroys: 4,
        gc_disk_retention: 0,
        meta: { rack: 7, ssd: true },
        offline: true,
        trusted_keys: "/etc/paddock/keys.pem",
        artifact_cache: { max_size_mb: 2048, max_age: "24h" },
        users: { dynamic_user_min: 70000, dynamic_user_max: 70009 },
      },
      server: { enabled: true, job_gc_threshold: "1h", eval_gc_threshold: "1m" },
    };
    expect(complete(JSON.stringify(json))).toEqual(WHOLE);
  });
});

describe("what is wrong in a configuration is told with a suggestion", () => {
  test.each([
    ['data_dirs = "/x"', ['unknown attribute "data_dirs" | did you mean "data_dir"?']],
    ['{"data_dirs": "/x"}', ['unknown key "data_dirs" | did you mean "data_dir"?']],
    [
      'plugin "qemu" {\n  config {\n    image_path = ["/x"]\n  }\n}',
      ['plugin "qemu", config | unknown attribute "image_path" | did you mean "image_paths"?'],
    ],
    ['plugin "docker" {}', ['no plugin "docker", expected "qemu" | leave the block out']],
    ['plugin "qemu" {}\nplugin "qemu" {}', ['plugin "qemu" stands twice | keep one of them']],
    ['api_mode = "0666"', ['api_mode must be one of 0600, 0660, found "0666"']],
    ['data_dir = "srv"', ['data_dir must be an absolute path, found "srv"']],
    ['data_dir = "/srv\\n"', ['data_dir must be an absolute path, found "/srv\\x0a"']],
    [
      'plugin "qemu" {\n  config {\n    image_paths = ["/a", "images"]\n  }\n}',
      ['plugin "qemu", config | image_paths[1] must be an absolute path, found "images"'],
    ],
    ['log_level = "loud"', ['log_level must be one of trace, debug, info, warn, error, found "loud"']],
    ['datacenter = ""', ['datacenter must be text without spaces and control characters, found ""']],
    [
      "client {\n  enabled = false\n}",
      ["client | enabled must be true: an agent that runs no machines does nothing | leave it out"],
    ],
    [
      "client {\n  users {\n    dynamic_user_min = 90000\n  }\n}",
      ["client, users | dynamic_user_max must be at least dynamic_user_min, 90000, found 89999"],
    ],
    [
      "client {\n  users {\n    dynamic_user_min = 0\n  }\n}",
      ["client, users | dynamic_user_min must be a whole number from 1 to 2147483647, found 0"],
    ],
  ])("%s", (text, messages) => {
    expect(loadAgentConfig("paddock.hcl", text).config).toBeUndefined();
    expect(messagesOf(text)).toEqual(messages);
  });

  test("all of it at once, also beside a syntax error", () => {
    expect(messagesOf('data_dir = "srv"\nlog_level = \nrun_dir = "run"')).toHaveLength(3);
  });
});

test("a run_dir that leaves no room for a socket's name is refused, and one byte less is not", () => {
  const room = MAX_SOCKET_PATH - machineSockets({ dataDir: "", runDir: "/" }, "00000000", "vm").serial.length;
  const withRunDir = (length: number) => complete(`run_dir = "/${"r".repeat(length - 1)}"`);
  expect(withRunDir(room).dirs.runDir).toHaveLength(room);
  expect(() => withRunDir(room + 1)).toThrow(AppError);
  expect(() => withRunDir(room + 1)).toThrow(`expected at most ${room} bytes`);
});
