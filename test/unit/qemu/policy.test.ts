import { describe, expect, test } from "bun:test";
import { refuseArguments } from "../../../src/qemu/policy.ts";

const refused = (args: readonly string[], allowlist: readonly string[] = []): readonly string[] =>
  refuseArguments(args, allowlist).map(({ index, message }) => `${index}: ${message}`);

describe("args_allowlist", () => {
  const list = ["-drive", "-snapshot", "-nodefaults"];

  test("allows everything when it is empty", () => {
    expect(refused(["-usbdevice", "tablet"])).toEqual([]);
  });

  test("lets its own words through with their values", () => {
    expect(refused(["-snapshot", "-drive", "file=local/second.img"], list)).toEqual([]);
  });

  test.each([
    [["-usbdevice", "tablet"], '0: "-usbdevice" is not in args_allowlist'],
    [["--drive", "file=x"], '0: "--drive" is not in args_allowlist'],
    [["-DRIVE", "file=x"], '0: "-DRIVE" is not in args_allowlist'],
    [["-drive", "-usb"], '1: "-usb" is not in args_allowlist'],
    [["-drive", " -usb"], '1: " -usb" is not in args_allowlist'],
  ])("refuses %j as Nomad does", (args, message) => {
    expect(refused(args, list)).toContain(message);
  });

  test.each([
    [["/dev/sda"]],
    [["-snapshot", "/dev/sda"]],
    [["-drive", "file=a", "/dev/sda"]],
    [[" -snapshot"]],
    [[""]],
  ])("refuses %j, whose bare word is a disk image to QEMU", (args) => {
    expect(refused(args, list).join()).toContain("takes it for a disk image");
  });

  test("refuses a bare word behind an option whose form is not known, even a listed one", () => {
    expect(refused(["-brand-new", "/dev/sda"], ["-brand-new"]).join()).toContain("takes it for a disk image");
  });
});

describe("what cannot work under the agent is refused by name", () => {
  test.each([
    [["-daemonize"]],
    [["--daemonize"]],
    [["-runas", "nobody"]],
    [["-sandbox", "off"]],
    [["-sandbox", "enable=off"]],
    [["-sandbox", "on,spawn=allow"]],
    [["-sandbox", "on,elevateprivileges=children"]],
    [["-set", "drive.image0.file=/dev/sda"]],
    [["-set", "drive.image0.file.filename=/dev/sda"]],
    [["-incoming", "exec:cat /tmp/state"]],
    [["-incoming", '{"channel-type":"main","addr":{"transport":"exec","args":["cat"]}}']],
    [["-netdev", "bridge,id=n,br=br0"]],
    [["-nic", "bridge"]],
    [["-net", "bridge"]],
    [["-netdev", "tap,id=n"]],
    [["-netdev", "type=tap,id=n,ifname=t0,script=no"]],
    [["-netdev", "tap,id=n,ifname=t0,script=/etc/up,downscript=no"]],
    [["-nic", "tap,helper=/usr/lib/qemu/qemu-bridge-helper,script=no,downscript=no"]],
    [["-netdev", '{"type":"tap","id":"n","ifname":"t0"}']],
    [["-netdev", "user,id=n,smb=/srv"]],
    [["-netdev", "user,id=n,guestfwd=tcp:10.0.2.100:80-cmd:/bin/cat"]],
    [["-netdev", '{"type":"user","id":"n","smb":"/srv"}']],
  ])("%j", (args) => {
    const [first] = refuseArguments(args, []);
    expect(first?.message).toContain("cannot be used");
    expect(first?.hint).toBeTruthy();
  });
});

test.each([
  [["-sandbox", "on"]],
  [["-sandbox", "on,spawn=deny"]],
  [["-set", "drive.image0.werror=stop"]],
  [["-set", "drive.image0.filer=x"]],
  [["-incoming", "tcp:0:4444"]],
  [["-incoming", "defer"]],
  [["-netdev", "tap,id=n,ifname=t0,script=no,downscript=no"]],
  [["-netdev", "tap,id=n,ifname=t0,script=,downscript="]],
  [["-netdev", '{"type":"tap","id":"n","script":"no","downscript":"no"}']],
  [["-netdev", "tap,id=n,fd=7"]],
  [["-netdev", "user,id=n,guestfwd=tcp:10.0.2.100:80-chardev0,hostfwd=tcp::1-:1"]],
  [["-netdev", "{not json"]],
  [["-append", "-daemonize"]],
  [["-append", "smb=x bridge"]],
])("%j is QEMU's to judge", (args) => {
  expect(refused(args)).toEqual([]);
});

test("an option without its value is refused, or it would swallow a word of ours", () => {
  expect(refused(["-snapshot", "-drive"])).toEqual(['1: "-drive" requires a value']);
  expect(refused(["-snapshot"])).toEqual([]);
});

test("a NUL in a word is refused, for it would end there", () => {
  expect(refused(["-append", "a\0b"])).toEqual(["1: has a NUL character"]);
});
