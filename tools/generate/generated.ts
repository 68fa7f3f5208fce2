import { admissionPolicyObjects, ClusterNode, crdOf, SlurmCluster, SlurmToken } from "@cluster-os/api";
import { stringify } from "yaml";
import { commandLinePage, configFilePage, localApiPage } from "./pages.ts";
import { clusterNodePage, slurmClusterPage, slurmTokenPage } from "./resource-pages.ts";

/** How to write the generated files again. */
export const GENERATE_COMMAND = "npx nx run @cluster-os/tools:generate";

const YAML_HEADER = "# Generated from libs/api by tools/generate/main.ts; a change here is lost.\n";

const PLAIN = { lineWidth: 0, aliasDuplicateObjects: false } as const;

/** Everything that is made from the schemas in libs/api, by its path in the repository. */
export function generatedFiles(): ReadonlyMap<string, string> {
  return new Map([
    ["infra/crds/clusternodes.yaml", YAML_HEADER + stringify(crdOf(ClusterNode), PLAIN)],
    ["infra/crds/slurmclusters.yaml", YAML_HEADER + stringify(crdOf(SlurmCluster), PLAIN)],
    ["infra/crds/slurmtokens.yaml", YAML_HEADER + stringify(crdOf(SlurmToken), PLAIN)],
    [
      "infra/charts/cluster-os/templates/admission-policies.yaml",
      YAML_HEADER +
        admissionPolicyObjects()
          .map((object) => stringify(object, PLAIN))
          .join("---\n"),
    ],
    ["docs/reference/clusternode.md", clusterNodePage()],
    ["docs/reference/slurmcluster.md", slurmClusterPage()],
    ["docs/reference/slurmtoken.md", slurmTokenPage()],
    ["docs/reference/config-file.md", configFilePage()],
    ["docs/reference/local-api.md", localApiPage()],
    ["docs/reference/command-line-json.md", commandLinePage()],
  ]);
}
