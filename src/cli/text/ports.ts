import { EVERY_ADDRESS } from "../../base/every-address.ts";
import type { Forward } from "../../client/explanation.ts";
import type { Allocation, Port } from "../../client/replies.ts";
import type { Piece } from "../terminal/style.ts";
import { alignRows } from "../terminal/table.ts";

/** What is forwarded into a machine, one line for each port: `web  0.0.0.0:8080 → guest 80/tcp+udp`. */
export function describeForwards(forwards: readonly Forward[], indent: string): Piece[][] {
  const byPort = Map.groupBy(forwards, ({ Label, HostAddress, HostPort, GuestPort }) =>
    JSON.stringify([Label, HostAddress, HostPort, GuestPort]),
  );
  const rows = [...byPort.values()].map((same) => {
    const [first] = same;
    const { Label = "", HostAddress = "", HostPort = 0, GuestPort = 0 } = first ?? {};
    const protocols = same
      .map(({ Protocol }) => Protocol)
      .toSorted()
      .join("+");
    const guest = GuestPort === 0 ? "the same of the guest" : `guest ${GuestPort}`;
    return [Label, `${joinAddress(HostAddress, HostPort)} → ${guest}/${protocols}`];
  });
  return alignRows(rows, Number.POSITIVE_INFINITY, indent);
}

/** The host ports of one of an allocation's tasks in one cell: `web 8080, ssh 0.0.0.0:2222`. */
export function listPorts(allocation: Allocation, task: string): string {
  const own = allocation.TaskStates[task]?.Paddock?.Ports;
  return portsOf(allocation)
    .filter(({ Label }) => own?.includes(Label) ?? true)
    .map(
      ({ Label, Value, HostIP }) => `${Label} ${HostIP === "" || HostIP === EVERY_ADDRESS ? "" : `${HostIP}:`}${Value}`,
    )
    .join(", ");
}

export function portsOf(allocation: Allocation): readonly Port[] {
  return allocation.AllocatedResources?.Shared.Ports ?? [];
}

/** @param port 0 for one that is not chosen yet. */
function joinAddress(address: string, port: number): string {
  if (port === 0) return `a free port${address === "" ? "" : ` of ${address}`}`;
  const host = address === "" ? EVERY_ADDRESS : address;
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}
