import type { MembershipConfig } from "./config.ts";

/** Above so many members everything is compared less often, so that the traffic of a member does not grow with them. */
const PUSH_PULL_SCALE_FROM = 32;

/** The interval between two comparisons with some member, in milliseconds. */
export function pushPullIntervalMs(
  config: Pick<MembershipConfig, "pushPullIntervalMs">,
  memberCount: number,
): number {
  if (memberCount <= PUSH_PULL_SCALE_FROM) return config.pushPullIntervalMs;
  return config.pushPullIntervalMs * (Math.ceil(Math.log2(memberCount / PUSH_PULL_SCALE_FROM)) + 1);
}
