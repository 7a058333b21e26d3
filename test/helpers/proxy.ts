import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface TestProxy extends AsyncDisposable {
  readonly port: number;
  /** Heads of all requests so far. */
  readonly heads: readonly string[];
}

/**
 * A proxy for HTTP and, by CONNECT, for everything else, on the loopback address. Whatever host it is asked for, it goes to `target`,
 * a port of the loopback address; so a request that does not go by it fails.
 */
export async function startProxy(target: number): Promise<TestProxy> {
  const heads: string[] = [];
  const sockets = new Set<Socket>();
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => socket.destroy());
  };
  const server = createServer((socket) => {
    keep(socket);
    socket.once("data", (data) => {
      const [head = "", ...rest] = data.toString("latin1").split("\r\n\r\n");
      heads.push(head);
      const onward = connect(target, "127.0.0.1", () => {
        if (head.startsWith("CONNECT ")) socket.write("HTTP/1.1 200 Connected\r\n\r\n");
        else
          onward.write(
            `${head.replace(/^(\S+) http:\/\/[^/]+/, "$1 ")}\r\n\r\n${rest.join("\r\n\r\n")}`.replace("  ", " "),
          );
        socket.pipe(onward);
        onward.pipe(socket);
      });
      keep(onward);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    port: (server.address() as AddressInfo).port,
    heads,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        for (const socket of sockets) socket.destroy();
      }),
  };
}
