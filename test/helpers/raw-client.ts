import { connect, type Socket } from "node:net";

/** A client that says what it likes. */
export interface RawClient {
  readonly socket: Socket;
  /** All that came back so far. */
  text(): string;
  /** Status of the first reply; undefined while there is none. */
  status(): number | undefined;
  /** The server has closed the connection. */
  isClosed(): boolean;
  /** Writes until the server closes, as fast as it takes it. */
  pour(piece: string | Uint8Array): void;
}

/** Connects to the loopback address and writes `bytes`. @param port to connect to. */
export function rawClient(port: number, bytes: string | Uint8Array = ""): RawClient {
  let text = "";
  let closed = false;
  const socket = connect(port, "127.0.0.1", () => {
    if (bytes.length > 0) socket.write(bytes);
  });
  socket.on("data", (data) => {
    // Of a long reply its beginning is enough.
    if (text.length < 64 << 10) text += data.toString("latin1");
  });
  socket.on("error", () => socket.destroy());
  socket.on("close", () => {
    closed = true;
  });
  const pour = (piece: string | Uint8Array): void => {
    while (!closed && !socket.destroyed && socket.write(piece));
    if (!closed && !socket.destroyed) socket.once("drain", () => pour(piece));
  };
  return {
    socket,
    text: () => text,
    status: () => (text === "" ? undefined : Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1])),
    isClosed: () => closed,
    pour,
  };
}
