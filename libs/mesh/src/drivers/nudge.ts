import { createSocket } from "node:dgram";

/** The discard service (RFC 863): what arrives there is for nobody. */
const DISCARD_PORT = 9;

/**
 * Sends one empty datagram to each address; through the mesh, each becomes an encrypted packet whose source tells the peer where
 * this machine is now. What cannot be sent is passed over: the peer's own keepalives find this machine later.
 */
export async function nudge(addresses: readonly string[]): Promise<void> {
  const socket = createSocket("udp4");
  socket.on("error", () => {});
  try {
    await Promise.all(
      addresses.map(
        (address) => new Promise<void>((resolve) => socket.send("", DISCARD_PORT, address, () => resolve())),
      ),
    );
  } finally {
    socket.close();
  }
}
