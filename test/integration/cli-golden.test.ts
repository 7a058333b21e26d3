import { afterEach, beforeEach, expect, setDefaultTimeout, test } from "bun:test";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { COMMANDS } from "../../src/cli/commands.ts";
import type { CliOptions } from "../helpers/cli.ts";
import { type CliApi, serveCliApi } from "../helpers/cli-api.ts";
import { FINDINGS, populate, show } from "../helpers/cli-world.ts";

setDefaultTimeout(60_000);

/*
 * What every command prints on a terminal of 80 columns, some also on one of 40, where all goes well and where it does not: one file a
 * command. `UPDATE_GOLDEN=1` writes what they print now.
 */
const GOLDEN = join(import.meta.dirname, "../golden/cli");

type Case = readonly [words: string, columns?: number];

const NARROW = 40;

/** A word DIR is the directory of the test. Each command has a world of its own, and its cases come one after the other in it. */
const CASES: Readonly<Record<string, readonly Case[]>> = {
  demo: [["demo extra"], ["demo"]],
  agent: [["agent -data-dir DIR/data"], ["agent -log-levle debug"]],
  "job init": [["job init DIR/example.hcl"], ["job init DIR/example.hcl"], ["init -short DIR/none/example.hcl"]],
  "job run": [
    ["job run DIR/new.hcl"],
    ["run -detach DIR/web.hcl"],
    ["run DIR/wrong.hcl"],
    ["run DIR/none.hcl"],
    ["run -check-index 7 DIR/web.hcl"],
    ["run -detahc DIR/web.hcl"],
  ],
  "job plan": [["job plan DIR/new.hcl"], ["plan DIR/web.hcl"], ["plan DIR/new.hcl", NARROW], ["plan DIR/wrong.hcl"]],
  "job status": [
    ["status"],
    ["status", NARROW],
    ["status web"],
    ["status web", NARROW],
    ["job status fleet"],
    ["job status fleet", NARROW],
    ["status db"],
    ["status fleet.a[1]"],
    ["status wbe"],
    ["status -t '{{range .}}{{.ID}} {{end}}'"],
  ],
  "job stop": [["stop -detach web"], ["stop none"], ["stop fleet.a[0]"]],
  "job validate": [["validate DIR/web.hcl"], ["validate DIR/wrong.hcl"], ["validate DIR/wrong.hcl", NARROW]],
  "job inspect": [["job inspect web"], ["job inspect -version 7 web"], ["job inspect none"]],
  "job history": [["job history web"], ["job history -version 7 web"], ["job history none"]],
  "job revert": [["job revert -detach web 0"], ["job revert web 7"], ["job revert web x"]],
  "job scale": [
    ["job scale -detach fleet a 3"],
    ["job scale web -1"],
    ["job scale fleet 3"],
    ["job scale web vms many"],
  ],
  ps: [["ps"], ["ps -all"], ["ps", NARROW], ["ps -verbose"], ["ps -stats -json"], ["ps x"]],
  logs: [["logs web"], ["logs -n 1 web vm"], ["logs none"], ["logs fleet"], ["logs -n x web"]],
  console: [["console none"], ["console"], ["console -escape x web"]],
  explain: [["explain web"], ["explain web", NARROW], ["explain none"], ["explain -json -script web"]],
  why: [["why db"], ["why web"], ["why none"], ["why -generation 7 db"]],
  "alloc status": [
    ["alloc status 11111111"],
    ["alloc status fleet.a[0]"],
    ["alloc status 9999"],
    ["alloc status 'no id'"],
  ],
  "alloc logs": [["alloc logs 1111"], ["alloc logs 1111 none"], ["alloc logs 9999"]],
  "alloc fs": [["alloc fs 9999"], ["alloc fs -n x 1111"], ["alloc fs"]],
  monitor: [["monitor -log-level loud"], ["monitor x"]],
  "alloc checks": [["checks 1111"], ["checks 1111", NARROW], ["alloc checks aaaa"], ["alloc checks 9999"]],
  "alloc stop": [["alloc stop -detach 1111"], ["alloc stop 9999"], ["alloc stop -signal SIGHUP 1111"]],
  "alloc restart": [["alloc restart -detach 1111"], ["alloc restart 1111 none"], ["alloc restart 9999"]],
  "alloc signal": [["alloc signal -s SIGTERM 1111"], ["alloc signal -s SIGSTOP 1111"], ["alloc signal 9999"]],
  "vm power": [["vm power press web"], ["vm power kick web"], ["vm power press"]],
  "image ls": [["image ls"], ["image ls", NARROW], ["image ls x"]],
  "image pull": [["image pull gopher://example.org/a.img"], ["image pull"]],
  "image inspect": [
    ["image inspect DIR/disk.img"],
    ["image inspect DIR/web.hcl"],
    ["image inspect DIR/none"],
    ["image inspect ffff"],
  ],
  "image verify": [["image verify"], ["image verify ffff"]],
  "image rm": [["image rm c93eee2d"], ["image rm ffff"], ["image rm"]],
  "image prune": [["image prune -dry-run -all"], ["image prune -max-age soon"], ["image prune -all -max-age 1h"]],
  "image bundle": [["image bundle -o DIR/site.tar DIR/none.hcl"], ["image bundle DIR/web.hcl"]],
  "image load": [["image load DIR/web.hcl"], ["image load DIR/none.tar"]],
  "image key": [["image key DIR/site.key"], ["image key DIR/site.key"]],
  "node status": [["node status"], ["node status", NARROW], ["node status ffff"]],
  "node eligibility": [
    ["node eligibility -disable"],
    ["node eligibility -enable -self"],
    ["node eligibility"],
    ["node eligibility -enable ffff"],
  ],
  "node drain": [
    ["node drain -enable -detach -m 'new memory' -deadline 10m"],
    ["node drain -disable"],
    ["node drain -monitor"],
    ["node drain"],
    ["node drain -enable -disable"],
    ["node drain -enable -deadline 1h -force"],
    ["node drain -enable -deadline soon"],
    ["node drain -disable -ignore-system"],
    ["node drain -enable ffff"],
  ],
  "system gc": [["system gc"], ["system gc -t '{{.Jobs}} {{len .Removed}}'"], ["system gc x"]],
  "token create": [["token create -role root"], ["token create"], ["token create -role read -ttl soon"]],
  "token list": [["token list"], ["token list x"]],
  "token revoke": [["token revoke none"], ["token revoke"]],
  doctor: [["doctor"], ["doctor", NARROW]],
  "systemd unit": [["systemd unit -system"], ["systemd unit -config DIR/none.hcl"]],
  completion: [["completion fish"], ["completion fihs"], ["completion words -- job re"]],
  version: [["version"], ["version x"]],
};

/** Of more than one word, words in quotes stand together. */
const wordsOf = (text: string): string[] =>
  [...text.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, bare]) => quoted ?? bare ?? "");

const fileOf = (name: string): string => join(GOLDEN, `${name.replaceAll(" ", "-")}.txt`);

const OPTIONS: CliOptions = {
  env: { PATH: "/nonexistent" },
  startAgent: async () => 0,
  examine: async () => FINDINGS,
};

let api: CliApi;
beforeEach(() => {
  api = serveCliApi();
  populate(api);
});
afterEach(() => api[Symbol.asyncDispose]());

for (const [name, cases] of Object.entries(CASES)) {
  test(`paddock ${name} prints what it should`, async () => {
    const shown: string[] = [];
    for (const [text, columns = 80] of cases) shown.push(await show(api, { words: wordsOf(text), columns }, OPTIONS));
    const all = shown.join("\n");
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(fileOf(name), all);
    expect(all).toBe(readFileSync(fileOf(name), "utf8"));
  });
}

test("every command has its file, with one case where it fails at least, and there are no others", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(COMMANDS.map(({ names }) => names[0]).toSorted());
  expect(readdirSync(GOLDEN).toSorted()).toEqual(
    Object.keys(CASES)
      .map((name) => `${name.replaceAll(" ", "-")}.txt`)
      .toSorted(),
  );
  for (const name of Object.keys(CASES)) expect(readFileSync(fileOf(name), "utf8")).toMatch(/^\[[1-9]\d*\]$/m);
});
