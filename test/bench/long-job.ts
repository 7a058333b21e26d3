const LINES = 1_000;

const times = (count: number, make: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join("");

/** A job file of 1,000 lines that has some of everything: declarations, expressions, blocks, a heredoc and comments. */
export function longJob(): string {
  const head = `${times(20, (at) => `variable "v${at}" {\n  type    = number\n  default = ${at}\n}\n`)}
locals {
${times(40, (at) => `  l${at} = { name = upper("local-${at}"), size = var.v${at % 20} * 2 + ${at}, list = [for i in range(3) : "n\${i}"] }\n`)}}

job "long" {
  group "machines" {
    network {
${times(40, (at) => `      port "p${at}" {\n        static = ${20_000 + at}\n        to     = ${8_000 + at} # as the guest has it\n      }\n`)}    }

${times(25, (at) => `    service {\n      name     = "s${at}"\n      provider = "nomad"\n      port     = "p${at}"\n      check {\n        type     = "http"\n        path     = "/health/\${NOMAD_ALLOC_INDEX}"\n        interval = "10s"\n        timeout  = "2s"\n      }\n    }\n`)}
    task "vm" {
      driver = "qemu"
      config {
        image_path = "local/a.img"
        args       = ["-device", "virtio-rng-pci", "-smbios", "type=1,serial=\${NOMAD_META_m1}"]
        port_map {
${times(40, (at) => `          p${at} = ${8_000 + at}\n`)}        }
      }
      meta {
${times(40, (at) => `        m${at} = "\${local.l${at}.name}-\${local.l${at}.size}"\n`)}      }
      env {
${times(40, (at) => `        E${at} = join(",", local.l${at}.list)\n`)}      }
${times(30, (at) => `      artifact {\n        source = "https://example.org/files/a${at}.img"\n        options {\n          checksum = "sha256:${"0123456789abcdef".repeat(4)}"\n        }\n      }\n`)}
`;
  const tail = "        EOT\n      }\n    }\n  }\n}\n";
  const opening = '      template {\n        destination = "local/user-data"\n        data        = <<-EOT\n';
  const missing = LINES - countLines(head + opening + tail);
  const data = times(missing, (at) => `          - {{ env "E${at % 40}" | toJSON }} and plain text ${at}\n`);
  return head + opening + data + tail;
}

export const countLines = (text: string): number => text.split("\n").length - 1;
