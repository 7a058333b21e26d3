import { describe, expect, test } from "bun:test";
import { powersOf } from "../../../src/agent/powers.ts";
import { jobOf } from "../../helpers/records.ts";

interface Change {
  readonly image?: string;
  readonly config?: string;
  readonly task?: string;
}

function powers({ image = "local/disk.img", config = "", task = "" }: Change): string[] {
  const job = jobOf(`job "j" {
    group "g" {
      network {
        port "web" { to = 80 }
      }
      task "t" {
        driver = "qemu"
        config {
          image_path = "${image}"
          ${config}
        }
        ${task}
      }
    }
  }`);
  return powersOf(job).map(({ where }) => where.replace('group "g" task "t" ', ""));
}

const artifact = (source: string, more = ""): string => `artifact {\nsource = "${source}"\n${more}\n}`;

describe("a job that stays within its allocation", () => {
  test.each<[Change]>([
    [{}],
    [{ image: "local/my image (1).img", config: 'disk = "overlay"\ndisk_size = "20GiB"' }],
    [{ image: "local/$${NOMAD_ALLOC_INDEX}.img" }],
    [{ image: "$${NOMAD_TASK_DIR}/disk.img" }],
    [
      {
        config:
          'args = ["-nodefaults", "-cdrom", "$${NOMAD_TASK_DIR}/seed.iso", "-hdb", "local/$${NOMAD_SHORT_ALLOC_ID}.img"]',
      },
    ],
    [{ config: 'args = ["-fw_cfg", "name=opt/x,file=local/user-data"]' }],
    [
      {
        task: artifact("https://example.org/disk.img", 'options { checksum = "file:https://example.org/SHA256SUMS" }'),
      },
    ],
    [{ task: artifact("https://example.org/$${NOMAD_ALLOC_INDEX}/disk.img") }],
    [{ task: artifact("s3::https://s3.example.org/b/disk.img") }],
    [{ task: artifact("git::https://example.org/r.git") }],
    [{ task: artifact("github.com/org/repository") }],
    [{ task: 'env { LD_PRELOAD = "/x" }\nresources {\nmemory = 128\nmemory_max = 256\n}' }],
  ])("has no powers: %p", (change) => {
    expect(powers(change)).toEqual([]);
  });
});

describe("the part of a job is named", () => {
  test.each<[string, Change]>([
    ["config.image_path", { image: "/srv/images/a.img" }],
    ["config.image_path", { image: "local/../../../x.img" }],
    ["config.image_path", { image: "$${NOMAD_META_IMAGE}" }],
    ["config.image_path", { image: 'local/$${env[\\"X\\"]}' }],
    ["config.image_path", { image: "local/%%{ if true }x%%{ endif }" }],
    ["config.image_path", { image: "$${NOMAD_JOB_NAME}.img" }],
    ["config.image_path", { image: ".paddock/base" }],
    ["config.image_path", { image: "$${NOMAD_TASK_DIR}/x.img", task: 'env { NOMAD_TASK_DIR = "/etc" }' }],
    [
      "config.image_path",
      { image: "$${NOMAD_TASK_DIR}/x.img", task: 'template {\ndata = "A=b"\ndestination = "local/env"\nenv = true\n}' },
    ],
    ["config.disk", { config: 'disk = "direct"' }],
    ["config.args[1]", { config: 'args = ["-nodefaults", "-hdb", "/dev/sda"]' }],
    ["config.args[0]", { config: 'args = ["-hdb", "../other/local/disk.img"]' }],
    ["config.args[0]", { config: 'args = ["-hdb", "$${NOMAD_TASK_DIR}/../x"]' }],
    ["config.args[0]", { config: 'args = ["-hdb", ".paddock/base"]' }],
    ["config.args[0]", { config: 'args = ["-cdrom", "http://10.0.0.1/x.iso"]' }],
    ["config.args[0]", { config: 'args = ["-fw_cfg", "name=opt/x,file=local/$${NOMAD_META_x}"]' }],
    ["artifact[0].source", { task: artifact("/srv/images/disk.img") }],
    ["artifact[0].source", { task: artifact("file:///srv/images/disk.img") }],
    ["artifact[0].source", { task: artifact("file::/srv/images/disk.img") }],
    ["artifact[0].source", { task: artifact("git::file:///srv/r.git") }],
    ["artifact[0].source", { task: artifact("git::/srv/r.git") }],
    ["artifact[0].source", { task: artifact("$${NOMAD_META_SOURCE}") }],
    ["artifact[0].source", { task: artifact("https:/$${NOMAD_META_SOURCE}") }],
    ["artifact[0].source", { task: artifact("https://example.org/x?checksum=file:/etc/shadow") }],
    ["artifact[0].source", { task: artifact("https://example.org/x", 'options { checksum = "file:/etc/shadow" }') }],
    ["artifact[0].source", { task: artifact("https://example.org/x", 'options { checksum = "$${NOMAD_META_x}" }') }],
    ["artifact[0].source", { task: artifact("https://example.org/x", 'options { checksum = " FILE:/etc/shadow" }') }],
    ["artifact[0].source", { task: artifact("https://$${NOMAD_META_SOURCE}/y") }],
    ["resources.memory_max", { task: "resources { memory_max = -1 }" }],
  ])("%s of %p", (where, change) => {
    expect(powers(change)).toEqual([where]);
  });

  test("of every task of every group", () => {
    const group = (name: string) =>
      `group "${name}" {\ntask "t" {\ndriver = "qemu"\nconfig { image_path = "/x" }\n}\n}`;
    const job = jobOf(`job "j" {\n${group("a")}\n${group("b")}\n}`);
    expect(powersOf(job).map(({ where }) => where)).toEqual([
      'group "a" task "t" config.image_path',
      'group "b" task "t" config.image_path',
    ]);
  });
});
