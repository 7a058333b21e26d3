import { nearestName } from "../../base/text.ts";
import { shortName } from "../fault.ts";
import { FUNCTIONS } from "./table.ts";

/** Functions that Nomad has, by what they would need, and what to do instead. */
const MISSING: readonly { readonly names: readonly string[]; readonly why: string; readonly hint: string }[] = [
  {
    names: [
      ...[
        "key",
        "keyExists",
        "keyOrDefault",
        "ls",
        "safeLs",
        "tree",
        "safeTree",
        "node",
        "nodes",
        "service",
        "services",
      ],
      ...[
        "connect",
        "caRoots",
        "caLeaf",
        "datacenters",
        "partitions",
        "peerings",
        "exportedServices",
        "importedServices",
      ],
      ...["byKey", "byTag", "byMeta", "byPort", "explode", "sockaddr"],
    ],
    why: "there is no Consul here",
    hint: 'put the value into the task\'s env and write {{ env "NAME" }}, or give it as a variable of the job file',
  },
  {
    names: ["secret", "secrets", "pkiCert"],
    why: "there is no Vault here",
    hint: 'give the value as a variable of the job file: {{ env "NAME" }} with env { NAME = var.name }',
  },
  {
    names: ["nomadVar", "nomadVarList", "nomadVarListSafe", "nomadVarExists"],
    why: "there are no Nomad variables here",
    hint: 'give the value as a variable of the job file: {{ env "NAME" }} with env { NAME = var.name }',
  },
  {
    names: ["nomadService", "nomadServices"],
    why: "a template is rendered once, before its machine starts, and hears of no services",
    hint: "give the machines static ports and write the addresses down",
  },
  {
    names: ["file", "writeToFile", "plugin"],
    why: "a template reads and writes no other files and runs no programs",
    hint: "fetch the file with an artifact block and name it as source",
  },
  {
    names: [
      "timestamp",
      "scratch",
      "executeTemplate",
      "spew_dump",
      "spew_printf",
      "spew_sdump",
      "spew_sprintf",
      "call",
    ],
    why: "a template that is rendered again must come to the same",
    hint: "compute the value in the job file's HCL",
  },
  {
    names: [
      ...["toYAML", "parseYAML", "toTOML", "explodeMap", "mergeMap", "mergeMapWithOverride"],
      ...["html", "js", "urlquery"],
    ],
    why: "it is not built in",
    hint: "toJSON writes what readers of YAML take too; HCL has functions of its own, such as yamlencode",
  },
];

/** Why a function cannot be called, and what to do instead. */
export function explainMissing(name: string): { readonly message: string; readonly hint: string } {
  const known = MISSING.find(({ names }) => names.includes(name));
  if (known !== undefined) return { message: `${name} is not supported: ${known.why}`, hint: known.hint };
  if (name.startsWith("sprig_")) {
    return {
      message: `${shortName(name)} is not supported`,
      hint: "use a function of consul-template's own, or HCL's",
    };
  }
  const near = nearest(name);
  const hint = near === undefined ? "the README lists those that there are" : `did you mean ${near}?`;
  return { message: `there is no function ${shortName(name)}`, hint };
}

function nearest(name: string): string | undefined {
  if (name !== shortName(name)) return undefined;
  const longer = Object.keys(FUNCTIONS).find((own) => own.toLowerCase().startsWith(name.toLowerCase()));
  return longer ?? nearestName(name, Object.keys(FUNCTIONS));
}
