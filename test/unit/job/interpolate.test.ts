import { describe, expect, test } from "bun:test";
import { interpolateConfig, interpolateText, type NodeNames } from "../../../src/job/interpolate.ts";
import type { QemuConfig } from "../../../src/job/job.ts";

const node: NodeNames = {
  id: "0c7fbb3e-2d3f-4bd5-b1f7-5a3d1a0a7a11",
  name: "barn",
  datacenter: "dc1",
  nodeClass: "big",
  nodePool: "default",
  attributes: { "driver.qemu": "1", "driver.qemu.version": "7.2.22", "kernel.name": "linux" },
  meta: { rack: "r1", "my.key": "dotted" },
};

const env = {
  NOMAD_TASK_DIR: "/data/vm/local",
  NOMAD_PORT_http: "80",
  NOMAD_ALLOC_INDEX: "0",
  IMAGE: "disk.img",
  NESTED: "${NOMAD_TASK_DIR}",
};

const config: QemuConfig = {
  image_path: "local/linux.img",
  accelerator: "tcg",
  machine_type: "pc",
  emulator: "x86_64",
  drive_interface: "ide",
  graceful_shutdown: false,
  guest_agent: false,
  args: [],
  port_map: {},
};

describe("interpolateText", () => {
  test.each([
    ["plain", "plain"],
    ["${NOMAD_TASK_DIR}/${IMAGE}", "/data/vm/local/disk.img"],
    ["${attr.kernel.name}-${node.unique.name}-${meta.rack}", "linux-barn-r1"],
    ["${node.region}", "global"],
    ["${node.class}/${node.datacenter}/${node.pool}/${node.unique.id}", `big/dc1/default/${node.id}`],
    ["${attr.driver.qemu}", "1"],
    ["${UNKNOWN} ${attr.unknown}", "${UNKNOWN} ${attr.unknown}"],
    ["${ IMAGE } ${upper(IMAGE)}", "${ IMAGE } ${upper(IMAGE)}"],
    ["${NESTED}", "${NOMAD_TASK_DIR}"],
    ["${constructor} ${attr.toString}", "${constructor} ${attr.toString}"],
    ["$IMAGE $${IMAGE}", "$IMAGE $disk.img"],
  ])("%s becomes %s", (text, expected) => {
    expect(interpolateText(text, env, node)).toBe(expected);
  });
});

describe("interpolateConfig", () => {
  const arg = (text: string) => {
    const { config: expanded, diagnostics } = interpolateConfig({ ...config, args: ["-m", text] }, env, node);
    return { text: expanded.args[1], diagnostics };
  };

  test.each([
    ["plain $HOME 100% {}", "plain $HOME 100% {}"],
    ["${NOMAD_TASK_DIR}/seed.iso", "/data/vm/local/seed.iso"],
    ["${ NOMAD_ALLOC_INDEX }", "0"],
    ['${env["IMAGE"]}', "disk.img"],
    ["${env.IMAGE}", "disk.img"],
    ["${attr.driver.qemu.version} ${attr.driver.qemu}", "7.2.22 1"],
    ['${meta["my.key"]} ${meta.rack} ${node.class}', "dotted r1 big"],
    ['${attr["kernel.name"]}', "linux"],
    ["$${IMAGE} %%{if}", "${IMAGE} %{if}"],
    ["$$${IMAGE}", "$${IMAGE}"],
    ["${NESTED}", "${NOMAD_TASK_DIR}"],
    ["${node.attr.kernel.name} ${node.meta.rack} ${node.region}", "linux r1 global"],
    ["port=${NOMAD_PORT_http + 8000 + NOMAD_ALLOC_INDEX}", "port=8080"],
    ['${NOMAD_PORT_http > 79 && IMAGE != "x"}', "true"],
    ['${IMAGE == "}" ? 1 : 2}', "2"],
    ['${"text"}${1.5}', "text1.5"],
    ['%{if meta.rack == "r1"}first%{else}other%{endif}', "first"],
    ["%{for name, value in meta.my}${name}=${value};%{endfor}", "key=dotted;"],
    ['${upper(IMAGE)} ${substr(IMAGE, 0, 4)} ${strlen(IMAGE)} ${reverse("ab")}', "DISK.IMG disk 8 ba"],
    ["${max(1, NOMAD_PORT_http)} ${min(1, 2)} ${abs(-3)} ${int(2.9)} ${int(-2.9)}", "80 1 3 2 -2"],
    ['${jsondecode("{\\"a\\": [1, 2]}").a[1]} ${jsonencode(meta.my)}', '2 {"key":"dotted"}'],
    ['${length(concat([1], [2, 3]))} ${coalesce(null, IMAGE)} ${lower("A")}', "3 disk.img a"],
    [
      '${hasindex([1], 0)} ${hasindex([1], 1)} ${hasindex(attr, "kernel")} ${hasindex(attr, 0)}',
      "true false true false",
    ],
    ['${hasindex([1], 0.5)} ${hasindex([1], "0")} ${hasindex([1], -1)}', "false false false"],
    ['${env[upper("image")]}', "disk.img"],
    ["e\u0301 $ % {}", "e\u0301 $ % {}"],
  ])("%s becomes %s", (text, expected) => {
    expect(arg(text)).toEqual({ text: expected, diagnostics: [] });
  });

  test("what computes without end is ended with a word", () => {
    const list = `[${"0,".repeat(500)}0]`;
    const loops = "abcdefgh"
      .split("")
      .map((name) => `%{for ${name} in ${list}}`)
      .join("");
    const { diagnostics } = arg(`${loops}x${"%{endfor}".repeat(8)}`);
    expect(diagnostics).toHaveLength(1);
    expect(diagnostics[0]?.message).toContain("no more of it is computed");
  });

  test("every string of the block is looked through", () => {
    const written: QemuConfig = {
      ...config,
      image_path: "local/${IMAGE}",
      accelerator: "${env.ACCEL}",
      machine_type: "${env.MACHINE}",
      emulator: "${env.EMULATOR}",
      drive_interface: "${env.DISK}",
      port_map: { http: "${NOMAD_PORT_http}", ssh: 22, dns: "53" },
    };
    const more = { ...env, ACCEL: "kvm", MACHINE: "q35", EMULATOR: "i386", DISK: "virtio" };
    expect(interpolateConfig(written, more, node)).toEqual({
      config: {
        ...config,
        image_path: "local/disk.img",
        accelerator: "kvm",
        machine_type: "q35",
        emulator: "i386",
        drive_interface: "virtio",
        port_map: { http: 80, ssh: 22, dns: 53 },
      },
      diagnostics: [],
    });
  });

  test.each([
    ["${NOMAD_PORT_htp}", "config.args[1]: nothing is called ${NOMAD_PORT_htp}", "did you mean ${NOMAD_PORT_http}?"],
    ['${env["IMAG"]}', 'config.args[1]: nothing is called ${env["IMAG"]}', 'did you mean ${env["IMAGE"]}?'],
    [
      "${attr.driver.qemu.verson}",
      "config.args[1]: nothing is called ${attr.driver.qemu.verson}",
      "did you mean ${attr.driver.qemu.version}",
    ],
    ["${constructor}", "config.args[1]: nothing is called ${constructor}", "known are"],
    ["${env.toString}", "config.args[1]: nothing is called ${env.toString}", "known are"],
    ["${nothing + 1}", "config.args[1]: nothing is called ${nothing}", "known are"],
    ["${attr.kernel.nam + 1}", 'config.args[1]: "attr.kernel" has no "nam"', 'did you mean "name"?'],
    ["${IMAGE + 2}", "config.args[1]: expected a number", ""],
    ["${uper(IMAGE)}", 'config.args[1]: there is no function "uper"', 'did you mean "upper"?'],
    ['${split(",", IMAGE)}', 'function "split" cannot be called when the task starts, only where', ""],
    ['${file("/etc/shadow")}', 'function "file" cannot be called when the task starts', ""],
    ["${{a = 1}}", "config.args[1]: must be text: expected text, found an object", ""],
    ["${attr.driver}x${1 + 1}", "config.args[1]: nothing is called ${attr.driver}", ""],
    ["${null}", "config.args[1]: null cannot be put into text", ""],
    ["${}", 'config.args[1]: nothing stands in "${}"', ""],
    ["a ${IMAGE", 'config.args[1]: expected "}", found the end of the text', ""],
    ["%{if true}x", 'config.args[1]: "%{if}" is never closed', ""],
  ])("%s is an error that names it, and the text stays", (text, message, hint) => {
    const result = arg(text);
    expect(result.text).toBe(text);
    expect(result.diagnostics).toHaveLength(1);
    expect(result.diagnostics[0]?.severity).toBe("error");
    expect(result.diagnostics[0]?.message).toContain(message);
    expect(result.diagnostics[0]?.hint ?? "").toContain(hint);
  });

  test("all errors are told, each with its attribute", () => {
    const written = {
      ...config,
      image_path: "${A1}/${B2}",
      args: ["${C3}"],
      port_map: { web: "${D4}", ssh: "twenty-two", top: "1e3" },
    };
    const { config: expanded, diagnostics } = interpolateConfig(written, {}, node);
    expect(diagnostics.map(({ message }) => message.split(":")[0]).toSorted()).toEqual([
      "config.args[0]",
      "config.image_path",
      "config.image_path",
      "config.port_map.ssh",
      "config.port_map.top",
      "config.port_map.web",
    ]);
    expect(expanded.port_map).toEqual({});
  });

  test("no error holds the value of a variable", () => {
    const { diagnostics } = interpolateConfig(
      { ...config, port_map: { web: "${SECRET}" } },
      { SECRET: "hunter2" },
      node,
    );
    expect(diagnostics).toHaveLength(1);
    expect(JSON.stringify(diagnostics)).not.toContain("hunter2");
  });
});

test("a task's own variable comes before what the node has of its name", () => {
  expect(interpolateText("${node.class}", { ...env, "node.class": "own" }, node)).toBe("own");
});
