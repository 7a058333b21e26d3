import { lookup } from "node:dns/promises";
import { BlockList, isIP } from "node:net";

/**
 * Where clouds keep their hosts' credentials, and nobody keeps images: link-local addresses (RFC 3927, RFC 4291), and those of Amazon
 * over IPv6, Alibaba and Azure, which are none.
 */
const CREDENTIALS = new BlockList();
CREDENTIALS.addSubnet("169.254.0.0", 16, "ipv4");
CREDENTIALS.addSubnet("fe80::", 10, "ipv6");
CREDENTIALS.addAddress("fd00:ec2::254", "ipv6");
CREDENTIALS.addAddress("100.100.100.200", "ipv4");
CREDENTIALS.addAddress("168.63.129.16", "ipv4");

/** True when an IP address, or any address that a host name stands for, is one of those. A name without an address is not. */
export async function isMetadataAddress(hostname: string): Promise<boolean> {
  const host = hostname.replace(/^\[|\]$/g, "");
  const addresses = isIP(host) === 0 ? await resolveAll(host) : [host];
  return addresses.some(isListed);
}

function isListed(address: string): boolean {
  const bare = address.split("%", 1)[0] ?? "";
  if (isIP(bare) === 4) return CREDENTIALS.check(bare, "ipv4");
  return CREDENTIALS.check(bare, "ipv6") || mappedIpv4(bare).some((mapped) => CREDENTIALS.check(mapped, "ipv4"));
}

/** The IPv4 address within `::ffff:a9fe:1`, the form that URLs give to mapped addresses. */
function mappedIpv4(address: string): string[] {
  const match = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(address);
  if (match === null) return [];
  const [high, low] = [Number.parseInt(match[1] ?? "", 16), Number.parseInt(match[2] ?? "", 16)];
  return [`${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`];
}

async function resolveAll(name: string): Promise<string[]> {
  try {
    return (await lookup(name, { all: true })).map(({ address }) => address);
  } catch {
    // The request itself will tell that the name cannot be resolved.
    return [];
  }
}
