// A proxy between client and host that breaks connections where a test wants it.

import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/**
 * Cuts one connection after the other: before the answer's first byte (0), or in the middle of the event after so many.
 * When there is nothing left in `cuts`, connections live.
 */
export class CuttingProxy implements AsyncDisposable {
  connections = 0;
  readonly #open = new Set<Socket>();

  private constructor(
    readonly url: string,
    private readonly server: Server,
  ) {}

  static async before(target: string, cuts: number[]): Promise<CuttingProxy> {
    const { hostname, port } = new URL(target);
    const server = createServer();
    await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
    const proxy = new CuttingProxy(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, server);
    server.on("connection", (client) => {
      proxy.connections += 1;
      proxy.#pass(client, connect(Number(port), hostname), cuts.shift());
    });
    return proxy;
  }

  #pass(client: Socket, host: Socket, cut: number | undefined): void {
    const end = (): void => {
      client.destroy();
      host.destroy();
    };
    for (const socket of [client, host]) {
      this.#open.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        this.#open.delete(socket);
        end();
      });
    }
    client.on("data", (piece) => host.write(piece));
    let passed = 0;
    host.on("data", (piece) => {
      const begins = [...piece.toString("latin1").matchAll(/(?:^|\n)id:/g)].map((found) => found.index + found[0].length);
      if (cut === 0) return end();
      if (cut !== undefined && passed + begins.length > cut) return void client.write(piece.subarray(0, begins[cut - passed]), end);
      passed += begins.length;
      client.write(piece);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((closed) => this.server.close(closed));
  }
}
