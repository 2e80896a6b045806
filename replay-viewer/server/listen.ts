/** Ports, and the names by which a server of this machine is asked for. */
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { RepriseError } from "../../engine/index.ts";

/** Listens; the port that was bound. @throws PORT_TAKEN */
export function listen(server: Server, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      reject(error.code !== "EADDRINUSE" ? error : new RepriseError("PORT_TAKEN", `port ${port} of ${host} is taken`,
        "Give another with --port, or --port 0 for any that is free."));
    });
    server.listen(port, host, () => {
      // A server that listens on a port has an address with one.
      resolve((server.address() as AddressInfo).port);
    });
  });
}

/** Host headers that mean a server of this machine; the port is part of them unless it is the scheme's own. */
export function loopbackHosts(port: number, usual: number, further: readonly string[] = []): readonly string[] {
  return ["127.0.0.1", "localhost", "[::1]", ...further.map((name) => name.toLowerCase())]
    .flatMap((name) => port === usual ? [name, `${name}:${port}`] : [`${name}:${port}`]);
}
