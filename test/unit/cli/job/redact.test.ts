import { describe, expect, test } from "bun:test";
import { blankSecrets, redactJobFile, redactJobJson } from "../../../../src/cli/job/redact.ts";

const SECRETS = ["tmpl-pass", "pa ss", 'to"ken', "hdr-value", "heredoc secret", "s3cret", "ssh-key", "x"];
const FILE = `# the author's comment stays
job "web" {
  group "g" {
    task "vm" {
      driver = "qemu"
      env {
        PASSWORD = "pa ss" # why not
        TOKEN    = "to\\"ken"
        SHORT    = "x"
        LONG     = <<EOT
heredoc secret
EOT
      }
      config {
        image_path = "local/linux.img"
        args       = ["-m", "512"]
      }
      template {
        data        = <<-EOT
          password: tmpl-pass
        EOT
        destination = "local/user-data"
      }
      artifact {
        source = "https://me:s3cret@example.org/linux.img?sig=s3cret"
        headers {
          Authorization = "hdr-value"
        }
        options {
          checksum = "sha256:00"
          sshkey   = "ssh-key"
        }
      }
      artifact {
        source  = "https://example.org/open.img"
        headers = { "X-Key" = "hdr-value", }
        options = { checksum = "file:https://me:s3cret@example.org/SHA256SUMS?sig=s3cret" }
      }
    }
  }
}
`;

describe("a job file for a report", () => {
  test("has neither env nor credentials of artifacts, and all else as it was", () => {
    const found = new Set<string>();
    const text = redactJobFile(FILE, found) ?? "";
    for (const secret of SECRETS.filter(({ length }) => length > 1)) expect(text).not.toContain(secret);
    expect(text).toContain('SHORT    = "***"');
    expect(text).toContain("# the author's comment stays");
    expect(text).toContain('PASSWORD = "***" # why not');
    expect(text).toContain('source = "https://***@example.org/linux.img?sig=***"');
    expect(text).toContain('source  = "https://example.org/open.img"');
    expect(text).toContain('checksum = "sha256:00"');
    expect(text).toContain('checksum = "file:https://***@example.org/SHA256SUMS?sig=***"');
    expect(text).toContain('args       = ["-m", "512"]');
    expect(text).toContain('destination = "local/user-data"');
    expect(found).toContain("hdr-value");
    // What is left is a job file still.
    expect(redactJobFile(text, new Set())).toBe(text);
  });

  test("has no value that a variable or local may bring to a secret place", () => {
    const declared = [
      'variable "password" {\n  type    = string\n  default = "s3cret one"\n}',
      'variables {\n  token = "s3cret two"\n}',
      'locals {\n  header = upper("s3cret three")\n}',
    ].join("\n");
    const found = new Set<string>();
    const text = redactJobFile(`${declared}\n${FILE}`, found) ?? "";
    expect(text).not.toContain("s3cret");
    expect(text).toContain('default = "***"');
    expect(found).toContain("s3cret one");
  });

  test("in HCL's own JSON is redacted by HCL's names", () => {
    const found = new Set<string>();
    const job = { variable: { a: { default: "s3cret" } }, job: { x: { env: [{ A: "s3cret" }], name: "shown" } } };
    const text = redactJobFile(JSON.stringify(job), found) ?? "";
    expect(text).not.toContain("s3cret");
    expect(text).toContain('"name": "shown"');
    expect([...found]).toEqual(["s3cret"]);
  });

  test.each([
    ["in a dynamic block", 'dynamic "env" {\n  for_each = [1]\n  content {\n    A = "s3cret"\n  }\n}'],
    [
      "that a dynamic block goes through",
      'dynamic "env" {\n  for_each = ["s3cret"]\n  content {\n    A = env.value\n  }\n}',
    ],
    ["in a choice of addresses", 'artifact {\n  source = "a" == "a" ? "https://u:s3cret@h/x" : "b"\n}'],
    ["in an address that is put together", 'artifact {\n  source = format("https://u:%s@h", "s3cret")\n}'],
    ["in a list of a default", 'variable "x" {\n  default = ["s3cret"]\n}'],
    ["in a heredoc", "env {\n  A = <<EOT\n  s3cret\nEOT\n}"],
    ["in a check", 'check {\n  body = "s3cret"\n}'],
    ["that a variable must not be", 'validation {\n  condition = var.x != "s3cret"\n}'],
    ["in meta", 'meta = {\n  A = "s3cret"\n}'],
  ])("has no secret %s, and it is known to be one", (_, written) => {
    const found = new Set<string>();
    expect(redactJobFile(`${written}\n`, found)).not.toContain("s3cret");
    expect([...found].filter((text) => text.includes("s3cret"))).not.toEqual([]);
  });

  test("is left out when it cannot be read, because nobody knows what in it is secret", () => {
    expect(redactJobFile('job "web" { env { A = "s3cret"', new Set())).toBeNull();
    expect(redactJobFile("{", new Set())).toBeNull();
  });

  test("in JSON is redacted by Nomad's names", () => {
    const found = new Set<string>();
    const job = {
      Job: {
        TaskGroups: [
          {
            Tasks: [
              {
                Env: { A: "one secret" },
                Config: { image_path: "local/a.img" },
                Artifacts: [
                  {
                    GetterSource: "https://u:p@example.org/a",
                    GetterHeaders: { Authorization: "two secret" },
                    GetterOptions: { checksum: "md5:1", aws_access_key_secret: "three secret" },
                  },
                  { GetterSource: "https://example.org/b", GetterHeaders: null, GetterOptions: {} },
                ],
              },
            ],
          },
        ],
      },
    };
    const text = redactJobFile(JSON.stringify(job), found) ?? "";
    expect(text).not.toMatch(/(one|two|three) secret|u:p@/);
    expect(text).toContain("md5:1");
    expect(text).toContain("local/a.img");
    expect([...found].sort()).toEqual(["https://u:p@example.org/a", "one secret", "three secret", "two secret"]);
    expect(redactJobJson(null, found)).toBeNull();
  });
});

test("secrets that were found are blanked in every other text, however JSON spells them, but not by chance", () => {
  const found = new Set(['pass"word', "x"]);
  expect(blankSecrets('args pass"word {"a":"pass\\"word"} x', found)).toBe('args *** {"a":"***"} x');
  // One may be in another one.
  expect(blankSecrets("args secret-and-more", new Set(["secret", "secret-and-more", "and-more"]))).toBe("args ***");
});

test.each([
  ["-object secret,id=s0,data=letmein,format=raw -x data=1", "-object secret,id=s0,data=***,format=raw -x data=1"],
  ["-object secret,data=let,,me,,in", "-object secret,data=***"],
  ["-object data=letmein,id=s0,qom-type=secret -x data=1", "-object data=***,id=s0,qom-type=secret -x data=1"],
  [`-object '{"qom-type":"secret", "data": "letmein"}'`, `-object '{"qom-type":"secret", "data": "***"}'`],
  [
    String.raw`["{\"data\":\"letmein\",\"qom-type\":\"secret\"}"]`,
    String.raw`["{\"data\":\"***\",\"qom-type\":\"secret\"}"]`,
  ],
  ['"env": {"data": "is none"}', '"env": {"data": "is none"}'],
])("the data of QEMU's own secret objects is blanked: %p", (text, blanked) => {
  expect(blankSecrets(text, new Set())).toBe(blanked);
});

test("a log that is full of the word secret is looked through in one go", () => {
  const log = "secret,".repeat(300_000);
  expect(blankSecrets(log, new Set())).toBe(log);
}, 60_000);
