/** A connection through QEMU's user network, or a port of the host that it listens on. */
export interface UserConnection {
  /** As libslirp calls it: `HOST_FORWARD` for a port that is listened on, else a state of TCP. */
  readonly state: string;
  /** Port of the host. */
  readonly hostPort: number;
}

const ROW = /^\s*TCP\[([A-Z0-9_]{1,20})\]\s+-?\d+\s+\S+\s+(\d{1,5})\s+\S+\s+\d{1,5}\s/gm;

/** Reads the TCP rows of QEMU's `info usernet`, in its order: the newest connection comes first. What is none of its rows is passed over. */
export function parseUserNetwork(text: string): readonly UserConnection[] {
  return [...text.matchAll(ROW)].map(([, state = "", port]) => ({ state, hostPort: Number(port) }));
}
