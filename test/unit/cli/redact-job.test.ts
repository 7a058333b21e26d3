import { describe, expect, test } from "bun:test";
import { blankSecrets, redactJobFile, redactJobJson } from "../../../src/cli/redact-job.ts";

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
    const text = redactJobFile(FILE, "hcl2", found) ?? "";
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
    expect(redactJobFile(text, "hcl2", new Set())).toBe(text);
  });

  test("has no value that a variable or local may bring to a secret place", () => {
    const declared = [
      'variable "password" {\n  type    = string\n  default = "s3cret one"\n}',
      'variables {\n  token = "s3cret two"\n}',
      'locals {\n  header = upper("s3cret three")\n}',
    ].join("\n");
    const found = new Set<string>();
    const text = redactJobFile(`${declared}\n${FILE}`, "hcl2", found) ?? "";
    expect(text).not.toContain("s3cret");
    expect(text).toContain('default = "***"');
    expect(found).toContain("s3cret one");
    expect(
      redactJobFile(JSON.stringify({ variable: { a: { default: "s3cret" } }, job: {} }), "hcl2", found),
    ).toBeNull();
  });

  test("is left out when it cannot be read, because nobody knows what in it is secret", () => {
    expect(redactJobFile('job "web" { env { A = "s3cret"', "hcl2", new Set())).toBeNull();
    expect(redactJobFile("{", "json", new Set())).toBeNull();
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
    const text = redactJobFile(JSON.stringify(job), "json", found) ?? "";
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
