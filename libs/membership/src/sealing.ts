/** First byte of every membership message on the gossip port. */
export const MEMBERSHIP_KIND = 0x02;
