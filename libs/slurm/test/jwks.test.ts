import { renderJwks } from "@cluster-os/slurm";
import { expect } from "chai";

const key = (generation: number) => ({
  generation,
  secret: new Uint8Array(128).fill(generation),
  madeAt: "2026-01-01T00:00:00Z",
});
const rest = { jwt: new Uint8Array(32), askedBy: "", revocations: "" };
const AT = "2026-01-01T01:00:00Z";

describe("renderJwks", () => {
  const cases = [
    { name: "one key signs", keys: { current: key(1), ...rest }, offsetMs: 0, ids: ["1*"] },
    {
      name: "a new key is believed first",
      keys: { current: key(1), next: key(2), ...rest },
      offsetMs: 0,
      ids: ["1*", "2"],
    },
    {
      name: "before the instant the old one signs",
      keys: { current: key(1), next: key(2), switchAt: AT, ...rest },
      offsetMs: -1,
      ids: ["1*", "2"],
    },
    {
      name: "from the instant on the new one signs, and the old one is believed",
      keys: { current: key(1), next: key(2), switchAt: AT, ...rest },
      offsetMs: 0,
      ids: ["1", "2*"],
    },
  ];
  for (const { name, keys, offsetMs, ids } of cases) {
    it(name, () => {
      const { keys: found } = JSON.parse(renderJwks(keys, Date.parse(AT) + offsetMs)) as {
        keys: { kid: string; k: string; use?: string }[];
      };
      expect(
        found.map(({ kid, use }) => `${kid.replace("generation-", "")}${use === "default" ? "*" : ""}`),
      ).to.deep.equal(ids);
      for (const { k } of found) expect(Buffer.from(k, "base64")).to.have.length(32);
    });
  }
});
