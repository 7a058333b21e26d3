import { type AddressInfo, createServer } from "node:net";

export interface RawServer extends AsyncDisposable {
  readonly url: string;
  /** How many requests have come. */
  readonly asked: number;
}

/** A server that answers every request with these bytes and closes; `hold` keeps the connection open instead. */
export async function startRaw(reply: string | Uint8Array, hold = false): Promise<RawServer> {
  let asked = 0;
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.once("data", () => {
      asked++;
      if (hold) socket.write(reply);
      else socket.end(reply);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/a.img`,
    get asked() {
      return asked;
    },
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  };
}
