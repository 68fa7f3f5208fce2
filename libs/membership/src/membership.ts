import { invariant, type Instant } from "@cluster-os/std";
import type { MembershipCounters } from "./counters.ts";
import type { Member } from "./member.ts";
import type { Fact, MembershipEffect, MembershipInput, MembershipOptions } from "./protocol.ts";

export class Membership {
  constructor(options: MembershipOptions) {
    invariant(options.ringKeys.length > 0, "nothing can be sealed without a ring key");
  }
  step(_input: MembershipInput, _now: Instant): readonly MembershipEffect[] {
    throw new Error("in work");
  }
  get wakeAt(): Instant {
    throw new Error("in work");
  }
  members(): readonly Member[] {
    throw new Error("in work");
  }
  facts(): ReadonlyMap<string, Fact> {
    throw new Error("in work");
  }
  counters(): Readonly<MembershipCounters> {
    throw new Error("in work");
  }
}
