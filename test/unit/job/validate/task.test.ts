import { describe, expect, test } from "bun:test";
import type { QemuConfig } from "../../../../src/job/job.ts";
import {
  NETWORK,
  port,
  problems,
  TASK,
  withConfig,
  withGroup,
  withResources,
  withTask,
} from "../../../helpers/valid-job.ts";

describe("resources", () => {
  test.each([
    [{ memory: 127 }, "resources.memory must be from 128 to 4000000 MiB for a machine, found 127"],
    [{ memory: 4_000_001 }, "resources.memory must be from 128 to 4000000"],
    [{ memory: 512, memory_max: 511 }, "resources.memory_max must be memory (512) or more, found 511"],
    [{ cpu: 0 }, "resources.cpu must be 1 or more, found 0"],
    [{ cpu: 100, cores: 1 }, "a task asks for cpu or for cores, not for both"],
  ])("%j is refused", (change, message) => {
    expect(problems(withResources(change)).join("\n")).toContain(message);
  });

  test.each([
    [{ memory: 128 }],
    [{ memory: 4_000_000 }],
    [{ memory: 512, memory_max: 512 }],
    [{ memory: 512, memory_max: -1 }],
    [{ cpu: 0, cores: 1 }],
  ])("%j is accepted", (change) => {
    expect(problems(withResources(change))).toEqual([]);
  });

  test("logs must be less than the group's disk", () => {
    const logs = (max_files: number, max_file_size: number) =>
      problems(withTask({ logs: { max_files, max_file_size, disabled: false } }));
    expect(logs(30, 10)[0]).toContain("logs may grow to 300 MB");
    expect(logs(29, 10)).toEqual([]);
    expect(problems(withTask({ logs: { max_files: 30, max_file_size: 10, disabled: true } }))).toEqual([]);
  });
});

describe("config", () => {
  test.each([
    [{ accelerator: "tcg,kernel=/etc/shadow" }, 'accelerator must be one of tcg, kvm, found "tcg,kernel=/etc/shadow"'],
    [{ accelerator: "xen" }, "accelerator must be one of tcg, kvm"],
    [{ drive_interface: "nvme" }, "one of ide, scsi, sd, mtd, floppy, pflash, virtio, none, found"],
    [{ machine_type: "pc,accel=kvm" }, "machine_type must hold only letters"],
    [{ machine_type: "" }, "machine_type must hold only letters"],
    [{ emulator: "../../bin/sh" }, "emulator must hold only letters"],
    [{ image_path: "" }, "image_path must be set"],
    [{ image_path: "a\nb" }, "image_path must hold no control character"],
    [{ args: ["-a", "b\u0000c"] }, "args[1] must hold no NUL"],
    [{ disk: "overlay", disk_size: "1000" }, 'disk_size must be a size such as "20GiB"'],
    [{ disk: "overlay", disk_size: "0.75K" }, "a multiple of 512 bytes"],
    [{ disk_size: "0G" }, "disk_size must be a size"],
    [{ disk: "direct", disk_size: "1G" }, "disk_size needs a disk of its own: this image is used in place"],
    [{ image_path: "/images/a.img", disk_size: "1G" }, "disk_size needs a disk of its own"],
    [{ port_map: { ssh: 22 } }, 'port_map names port "ssh", which no network block has: this group has none'],
  ] satisfies [Partial<QemuConfig>, string][])("%j is refused", (change: Partial<QemuConfig>, message) => {
    expect(problems(withConfig(change)).join("\n")).toContain(message);
  });

  test.each([
    [{ accelerator: "${meta.accelerator}" }],
    [{ drive_interface: "virtio", machine_type: "pc-q35-7.2", emulator: "riscv64" }],
    [{ image_path: "local/a,b.img" }],
    [{ args: ["-append", "a\nb"] }],
    [{ disk: "direct" }],
    [{ disk: "copy", disk_size: "1.5 GiB" }],
    [{ disk_size: "${meta.size}" }],
    [{ image_path: "/images/a.img", disk: "overlay", disk_size: "1T" }],
  ] satisfies [Partial<QemuConfig>][])("%j is accepted", (change: Partial<QemuConfig>) => {
    expect(problems(withConfig(change))).toEqual([]);
  });

  test("a guest agent that will not be asked is told", () => {
    const warnings = (change: Partial<QemuConfig>) => problems(withConfig(change), "warning");
    expect(warnings({ guest_agent: true, graceful_shutdown: false })[0]).toContain("graceful_shutdown is false");
    expect(warnings({ guest_agent: true, graceful_shutdown: true })).toEqual([]);
  });

  test("port_map may name ports of the group's network and of the task's", () => {
    const config = { ...TASK.config, port_map: { a: 1, b: 2 } };
    const resources = { ...TASK.resources, networks: [{ ...NETWORK, ports: [port("b")] }] };
    const job = withGroup({
      networks: [{ ...NETWORK, ports: [port("a")] }],
      tasks: [{ ...TASK, config, resources }],
    });
    expect(problems(job)).toEqual([]);
  });
});
