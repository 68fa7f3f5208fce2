import { expect } from "chai";
import { findEndpoint, LOCAL_API, LOCAL_API_VERSION, type LocalApiAccess } from "@cluster-os/api";

const inTable = (isWanted: (access: LocalApiAccess) => boolean): readonly string[] =>
  Object.values(LOCAL_API)
    .filter(({ access }) => isWanted(access))
    .map(({ method, path }) => `${method} ${path}`);
const GROUP = inTable((access) => access === "group");
const ROOT = inTable(() => true);

describe("findEndpoint", () => {
  const found: readonly [string, string, LocalApiAccess, string][] = [
    ["GET", "/v1/status", "group", "status"],
    ["GET", "/v1/members", "root", "members"],
    ["POST", "/v1/agent-certificate", "root", "agentCertificate"],
  ];
  for (const [method, path, access, name] of found)
    it(`${access} may ask ${method} ${path}`, () =>
      expect(findEndpoint(method, path, access)).to.equal(name));

  const refused: readonly [string, string, LocalApiAccess, number, RegExp, readonly string[]][] = [
    ["POST", "/v1/agent-certificate", "group", 403, /for root, on .*root\.sock/, GROUP],
    ["DELETE", "/v1/status", "root", 405, /asked for with GET, not with DELETE/, ROOT],
    ["GET", "/v2/status", "group", 404, /speaks v1 of the local API, not v2/, GROUP],
    ["GET", "/v1/weather", "group", 404, /has no GET \/v1\/weather/, GROUP],
    ["GET", "/v1/status?x=1", "group", 404, /has no GET/, GROUP],
    ["", "", "root", 404, /has no/, ROOT],
  ];
  for (const [method, path, access, status, error, endpoints] of refused) {
    it(`answers ${method} ${path} of ${access} with ${status} and what there is`, () => {
      const refusal = findEndpoint(method, path, access);
      if (typeof refusal === "string") throw new Error(`found ${refusal}`);
      expect(refusal.status).to.equal(status);
      expect(refusal.problem.error).to.match(error);
      expect(refusal.problem.endpoints).to.deep.equal(endpoints);
    });
  }

  it("has every path under its version", () => {
    for (const { path } of Object.values(LOCAL_API))
      expect(path).to.match(new RegExp(`^/${LOCAL_API_VERSION}/`));
  });
});
