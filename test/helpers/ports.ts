import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect, createServer } from "node:net";

/** Below what kernels give to connections that go out (net.ipv4.ip_local_port_range) and below what agents give to machines. */
const [FIRST, END] = [10_000, 20_000];

/** A port that nothing uses at this moment, by tcp or udp on any address, and that no other program is given by chance. */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries++) {
    const port = randomInt(FIRST, END);
    if ((await isFreeTcp(port)) && (await isFreeUdp(port))) return port;
  }
  throw new Error(`100 ports from ${FIRST} to ${END - 1} are all in use`);
}

async function isFreeTcp(port: number): Promise<boolean> {
  const server = createServer().listen(port, "0.0.0.0");
  try {
    await once(server, "listening");
    await new Promise((resolve) => server.close(resolve));
    return true;
  } catch {
    return false;
  }
}

async function isFreeUdp(port: number): Promise<boolean> {
  const socket = createSocket("udp4").bind(port, "0.0.0.0");
  try {
    await once(socket, "listening");
    return true;
  } catch {
    return false;
  } finally {
    await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}

/** Whether something accepts connections on a TCP port of the loopback address. */
export function portAnswers(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
