import type { MemberStatus } from "../src/index.ts";
import { decodeMessage, encodeMessage, type Body } from "../src/message.ts";
import { decodeNews, encodeNews, type News } from "../src/news.ts";
import { Sealing } from "../src/sealing.ts";
import { CLUSTER_ID, identityNumber, RING_KEY, type MiniNetwork } from "./mini-network.ts";

/** Speaks the protocol as node `number` would, but says what the test wants. */
export function forger(number: number, bootCounter = 9) {
  const options = {
    identity: identityNumber(number),
    clusterId: CLUSTER_ID,
    ringKeys: [RING_KEY],
    bootCounter,
  };
  const sealing = new Sealing(options);
  return (to: number | undefined, body: Body, news: readonly News[] = []): Uint8Array =>
    sealing.seal(
      encodeMessage({ body, news: news.map(encodeNews) }),
      to === undefined ? undefined : identityNumber(to).nodeId,
    );
}

/** Reads what is sent to node `number`: undefined for what is not for it. */
export function readerOf(number: number) {
  const options = { identity: identityNumber(number), clusterId: CLUSTER_ID, ringKeys: [RING_KEY] };
  const sealing = new Sealing({ ...options, bootCounter: 1 });
  return (bytes: Uint8Array): { readonly body: Body; readonly news: readonly News[] } | undefined => {
    const opened = sealing.open(bytes);
    const message = "why" in opened ? undefined : decodeMessage(opened.plain);
    return message && { body: message.body, news: message.news.flatMap((news) => decodeNews(news) ?? []) };
  };
}

export function statusOn(network: MiniNetwork, observer: number, number: number): MemberStatus | undefined {
  const members = network.node(observer).membership.members();
  return members.find(({ nodeId }) => nodeId === identityNumber(number).nodeId)?.status;
}
