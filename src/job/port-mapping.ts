/** Where an entry of `port_map` leads: Nomad's plain number is both protocols, `80/tcp` and `53/udp` are ours. */
export interface PortMapping {
  /** 1 to 65535. */
  readonly guestPort: number;
  /** In the order in which Nomad's driver names them. */
  readonly protocols: readonly ("udp" | "tcp")[];
}

/** Reads an entry of `port_map` without `${…}`. @returns undefined when it is none. */
export function readPortMapping(value: number | string): PortMapping | undefined {
  const match = /^(\d{1,5})(?:\/(tcp|udp))?$/.exec(String(value));
  const guestPort = Number(match?.[1]);
  if (!(guestPort >= 1 && guestPort <= 65_535)) return undefined;
  const [protocol] = (["tcp", "udp"] as const).filter((name) => name === match?.[2]);
  return { guestPort, protocols: protocol === undefined ? ["udp", "tcp"] : [protocol] };
}
