/** The numbers of linux/wireguard.h. */

export const WG_GENL_NAME = "wireguard";
export const WG_GENL_VERSION = 1;
export const WG_KEY_LEN = 32;

export const WG_CMD = { GET_DEVICE: 0, SET_DEVICE: 1 } as const;

export const WGDEVICE_A = {
  IFINDEX: 1,
  IFNAME: 2,
  PRIVATE_KEY: 3,
  PUBLIC_KEY: 4,
  FLAGS: 5,
  LISTEN_PORT: 6,
  FWMARK: 7,
  PEERS: 8,
} as const;

export const WGPEER_F = { REMOVE_ME: 1, REPLACE_ALLOWEDIPS: 2, UPDATE_ONLY: 4 } as const;

export const WGPEER_A = {
  PUBLIC_KEY: 1,
  PRESHARED_KEY: 2,
  FLAGS: 3,
  ENDPOINT: 4,
  PERSISTENT_KEEPALIVE_INTERVAL: 5,
  LAST_HANDSHAKE_TIME: 6,
  RX_BYTES: 7,
  TX_BYTES: 8,
  ALLOWEDIPS: 9,
  PROTOCOL_VERSION: 10,
} as const;

export const WGALLOWEDIP_A = { FAMILY: 1, IPADDR: 2, CIDR_MASK: 3 } as const;

/** Address families (linux/socket.h). */
export const AF = { INET: 2, INET6: 10 } as const;

/** The longest name of an interface, in bytes (IFNAMSIZ less the zero byte). */
export const NAME_BYTES_MAX = 15;
