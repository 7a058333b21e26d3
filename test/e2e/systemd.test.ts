import { describe, expect, test } from "bun:test";
import { truncateSync, writeFileSync } from "node:fs";
import { DEMO_DISK_BYTES, demoImage } from "../../src/guest/demo-image.ts";
import { type GuestReport, runInSystemdGuest } from "../guests/systemd.ts";
import { paddockBinary } from "../helpers/binary.ts";
import { jobText } from "../helpers/jobs.ts";
import { tempDir } from "../helpers/temp.ts";

/** Milliseconds for the emulated host with its emulated guest on a busy machine. */
const DEADLINE = 280_000;

/** The guest's disk is its memory, and has less room than the 300 MiB that a group asks for by itself. */
const SMALL_DISK = {
  group: "ephemeral_disk {\n size = 20\n }",
  task: 'shutdown_delay = "4s"\n logs {\n max_files = 1\n max_file_size = 10\n }',
};

/** Words of the scripts below; what they print stands behind a line `== NAME` each. */
const WORDS = `
systemctl() { command systemctl $manager "$@"; }
section() { echo "== $1"; }
main() { systemctl show paddock -P MainPID; }
# The agent asks QEMU what it can, too: that is no machine.
machines() { for each in $(pidof qemu-system-x86_64); do { tr '\\0' '\\n' </proc/$each/cmdline; } 2>/dev/null | grep -q paddock-qmp && echo $each; done | grep .; }
machine() { pid=$(machines); echo "machine $pid since $(cut -d ' ' -f 22 /proc/$pid/stat)"; }
told() { paddock ps | awk '$1 == "demo" { print "told", $4, $6 }'; systemctl show paddock -P ActiveState -P StatusText; }
uptime() { cut -d . -f 1 /proc/uptime; }
# The machine is stopped within shutdown_delay, kill_timeout and 2 s although the clock is set by $1 seconds meanwhile.
stop_while_set() {
  begun=$(uptime); paddock stop demo >/dev/null 2>&1 & stop=$!
  tries=0; until paddock ps | grep -q stopping; do tries=$((tries + 1)); [ $tries -lt 50 ] || break; sleep 0.1; done
  date -s "@$(($(date +%s) + $1))" >/dev/null; wait $stop; echo "ended $?"; took=$(($(uptime) - begun))
  if [ $took -ge 3 ] && [ $took -le 20 ]; then echo "in time"; else echo "took $took s"; fi
}
# The agent is there again after its restart number $1.
await_restart() {
  tries=0
  until [ "$(systemctl show paddock -P NRestarts)" = "$1" ] && [ "$(systemctl is-active paddock)" = active ]; do
    tries=$((tries + 1)); [ $tries -lt 150 ] || { echo "no restart $1"; systemctl status paddock; exit 1; }
    sleep 0.5
  done
}
`;

const SYSTEM = `manager=
${WORDS}
unit=/etc/systemd/system/paddock.service
section verify; paddock systemd unit > $unit; systemd-analyze verify $unit; echo "verified $?"
section start; systemctl daemon-reload; systemctl enable --quiet --now paddock; echo "started $?"; systemctl show paddock -P ActiveState -P StatusText
section run; paddock run /root/job.hcl >/dev/null 2>&1; echo "ran $?"; machine
first=$(main)
section restart; systemctl restart paddock; echo "restarted $?"; [ "$(main)" != $first ] && echo "another agent"; machine; told
mkdir $unit.d; printf '[Service]\\nWatchdogSec=15s\\n' > $unit.d/test.conf; systemctl daemon-reload
section kill; kill -9 $(main); await_restart 1; machine; told
section hang; kill -STOP $(main); await_restart 2; machine; told
section stop; systemctl stop paddock; echo "stopped $?"; systemctl is-active paddock; machine; ls /run/paddock | sed 's/[0-9a-f]/0/g'
section again; systemctl start paddock; echo "started $?"; machine; told
section end; stop_while_set -86400; machines || echo "no machine"
section journal; journalctl -u paddock _COMM=paddock -p info..info -o cat | grep -c 'INFO. paddock: agent started'
journalctl -u paddock _COMM=systemd -o cat | grep -o "result '[a-z]*'"
journalctl -u paddock _COMM=paddock -p warning -o cat
section log; journalctl -u paddock -o cat
`;

const USER = `manager=--user
${WORDS}
export XDG_RUNTIME_DIR=/run/user/1000 HOME=/home/user; cd
mkdir -p .config/systemd/user images; cp /srv/images/demo.img images/; sed s,/srv/images,/home/user/images, /srv/job.hcl > job.hcl
printf 'plugin "qemu" {\\n config {\\n image_paths = ["/home/user/images"]\\n }\\n}\\n' > "my paddock.hcl"
unit=.config/systemd/user/paddock.service
section verify; paddock systemd unit -config "my paddock.hcl" > $unit; systemd-analyze --user verify $unit; echo "verified $?"
section start; systemctl daemon-reload; systemctl enable --quiet --now paddock; echo "started $?"; systemctl show paddock -P ActiveState -P StatusText
section run; paddock run job.hcl >/dev/null 2>&1; echo "ran $?"; machine
section restart; systemctl restart paddock; echo "restarted $?"; machine; told
section kill; kill -9 $(main); await_restart 1; machine; told
section end; paddock stop demo >/dev/null 2>&1; echo "ended $?"; machines || echo "no machine"
`;

/** The user's script, and what the host's journal says of it. */
const AS_USER = `systemctl start user@1000 && su user -s /bin/sh -c 'sh /srv/script'
code=$?
echo "== log"; journalctl -o cat -n 60
exit $code
`;

type Sections = Readonly<Record<string, readonly string[]>>;

/** Runs a script in the guest with the binary, a configuration, an image and a job; all that it printed is shown when a section is not as it should be. */
async function runOnHost(script: string, expected: (on: Sections) => Sections): Promise<void> {
  await using dir = tempDir();
  writeFileSync(dir.file("demo.img"), demoImage());
  truncateSync(dir.file("demo.img"), DEMO_DISK_BYTES);
  const job = jobText({ image: "/srv/images/demo.img", ...SMALL_DISK });
  const report = await runInSystemdGuest({
    script,
    deadline: DEADLINE,
    files: {
      "/usr/local/bin/paddock": { copyOf: paddockBinary() },
      "/srv/images/demo.img": { copyOf: dir.file("demo.img") },
      "/etc/paddock/paddock.hcl": 'plugin "qemu" {\n config {\n image_paths = ["/srv/images"]\n }\n}\n',
      "/root/job.hcl": job,
      "/srv/job.hcl": job,
      "/srv/script": USER,
    },
  });
  try {
    expect(report.exit).toBe(0);
    const on = splitSections(report);
    for (const [name, lines] of Object.entries(expected(on)))
      expect([name, ...(on[name] ?? [])]).toEqual([name, ...lines]);
  } catch (error) {
    console.error(report.lines.join("\n"));
    throw error;
  }
}

function splitSections({ lines }: GuestReport): Record<string, string[]> {
  const sections: Record<string, string[]> = {};
  let current: string[] = [];
  for (const line of lines) {
    if (line.startsWith("== ")) {
      current = [];
      sections[line.slice(3)] = current;
    } else current.push(line);
  }
  return sections;
}

/** The line about the machine that a section ends its beginning with: pid and start time. */
function machineOf(section: readonly string[] = []): string {
  return section.find((line) => /^machine \d+ since \d+$/.test(line)) ?? `no machine: ${section.join("; ")}`;
}

// The agent in the guest is root or not whoever runs this: once for all users of the host is enough.
describe.skipIf(process.env["PADDOCK_E2E_STAGE"] === "user")("on a host that systemd runs", () => {
  const guestTest = (name: string, script: string, expected: (on: Sections) => Sections): void =>
    test(name, () => runOnHost(script, expected), DEADLINE + 20_000);

  guestTest("the unit brings the agent up, back and down while its machine runs on", SYSTEM, (on) => {
    const machine = machineOf(on["run"]);
    const pid = machine.split(" ")[1];
    const runs = [machine, `told running ${pid}`, "1 machine running", "active"];
    return {
      verify: ["verified 0"],
      start: ["started 0", "0 machines running", "active"],
      run: ["ran 0", machine],
      restart: ["restarted 0", "another agent", ...runs],
      kill: runs,
      hang: runs,
      stop: ["stopped 0", "inactive", machine, "00000000-0000"],
      again: ["started 0", ...runs],
      end: ["ended 0", "in time", "no machine"],
      journal: ["5", "result 'signal'", "result 'watchdog'"],
    };
  });

  guestTest("the unit of an ordinary user does so under the user's manager", AS_USER, (on) => {
    const machine = machineOf(on["run"]);
    const runs = [machine, `told running ${machine.split(" ")[1]}`, "1 machine running", "active"];
    return {
      verify: ["verified 0"],
      start: ["started 0", "0 machines running", "active"],
      run: ["ran 0", machine],
      restart: ["restarted 0", ...runs],
      kill: runs,
      end: ["ended 0", "no machine"],
    };
  });
});
