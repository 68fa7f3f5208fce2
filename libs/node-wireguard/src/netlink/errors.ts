import { getSystemErrorMap } from "node:util";

/** The kernel refused a request, or the socket failed. */
export class NetlinkError extends Error {
  override readonly name = "NetlinkError";
  /** A positive error number of errno(3). */
  readonly errno: number;

  /** `words` are the kernel's own, where it has some. */
  constructor(errno: number, words?: string, options?: ErrorOptions) {
    super(`${nameOf(errno)}${words === undefined || words === "" ? "" : ` (${words})`}`, options);
    this.errno = errno;
  }
}

/** What came is no netlink message, or not one of those that were due. */
export class NetlinkFormatError extends Error {
  override readonly name = "NetlinkFormatError";
}

/** Error numbers of Linux (asm-generic/errno.h) that decide something here. */
export const ERRNO = {
  EPERM: 1,
  ENOENT: 2,
  EINTR: 4,
  EACCES: 13,
  EBUSY: 16,
  ENODEV: 19,
  EINVAL: 22,
  EAFNOSUPPORT: 97,
  EPROTONOSUPPORT: 93,
  EOPNOTSUPP: 95,
  EADDRINUSE: 98,
  ETIMEDOUT: 110,
} as const;

function nameOf(errno: number): string {
  const [name, words] = getSystemErrorMap().get(-errno) ?? [];
  return name === undefined ? `error ${errno}` : `${name}: ${words}`;
}
