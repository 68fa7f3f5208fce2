import {
  ClusterConfigFile,
  ClusterStatus,
  CONFIG_FILE_PATH,
  fieldMeta,
  kubernetesSchema,
  LOCAL_API,
  LOCAL_API_GROUP,
  LOCAL_API_ROOT_SOCKET,
  LOCAL_API_SOCKET,
  LocalApiProblem,
  DoctorReportEntry,
  MemberListEntry,
  RingKeyReport,
} from "@cluster-os/api";
import { fieldsOf, fieldTable, table } from "./fields.ts";

const GENERATED = "<!-- Generated from libs/api by tools/generate/main.ts; a change here is lost. -->";

/** A page from its paragraphs. */
export function page(title: string, ...paragraphs: readonly string[]): string {
  return [GENERATED, `# ${title}`, ...paragraphs].join("\n\n") + "\n";
}

export function code(language: string, text: string): string {
  return ["```" + language, text.trim(), "```"].join("\n");
}

export function configFilePage(): string {
  const { shape } = ClusterConfigFile;
  return page(
    "The given file",
    `\`${CONFIG_FILE_PATH}\`: all that a machine is given. Everything else it earns. Readable by root only, because of the join key.`,
    code("yaml", "joinKey: # what `cluster-os join-key` prints\nexpect: 3"),
    table(
      ["field", "meaning", "write"],
      Object.keys(shape).map((name) => [`\`${name}\``, fieldMeta(name).description, fieldMeta(name).write]),
    ),
    "A field that is not in this table is an error, and so is a value of another kind: bootstrap does not start, and its log names the line, the field and what to write. No message ever quotes a value.",
  );
}

export function localApiPage(): string {
  const endpoints = Object.values(LOCAL_API).flatMap((endpoint) => [
    `## ${endpoint.method} ${endpoint.path}`,
    endpoint.access === "root" ? `${endpoint.description} For root only.` : endpoint.description,
    ...("request" in endpoint ? ["Request:", fieldTable(fieldsOf(kubernetesSchema(endpoint.request)))] : []),
    ...answerOf(endpoint.path),
  ]);
  return page(
    "The local API",
    `HTTP/1.1 with JSON over the unix socket \`${LOCAL_API_SOCKET}\`, which root and the group \`${LOCAL_API_GROUP}\` may open. \`${LOCAL_API_ROOT_SOCKET}\` answers the same, and what is marked as root's; only root may open it. bootstrap answers; the command line and node-agent ask. The first part of a path is the version of the protocol: an answer of the same path gets new fields at most, and none that is always there goes away.`,
    "What is not there is answered with what is: `endpoints` lists it.",
    code("sh", `curl --unix-socket ${LOCAL_API_SOCKET} http://localhost${LOCAL_API.status.path}`),
    'An answer other than 200 has this body. 503 means "not yet, ask again"; 4xx is final.',
    fieldTable(fieldsOf(kubernetesSchema(LocalApiProblem))),
    ...endpoints,
  );
}

function answerOf(path: string): readonly string[] {
  switch (path) {
    case LOCAL_API.cluster.path:
      return ["Answer: as [`cluster-os status -o json`](command-line-json.md#cluster-os-status--o-json)."];
    case LOCAL_API.members.path:
      return ["Answer: as [`cluster-os members -o json`](command-line-json.md#cluster-os-members--o-json)."];
    default: {
      const endpoint = Object.values(LOCAL_API).find((one) => one.path === path);
      return endpoint ? ["Answer:", fieldTable(fieldsOf(kubernetesSchema(endpoint.answer)))] : [];
    }
  }
}

export function commandLinePage(): string {
  return page(
    "The command line's JSON",
    "What `cluster-os` prints with `-o json`. Fields are added; none is renamed or taken away.",
    "## cluster-os status -o json",
    "The cluster as the machine that answers sees it.",
    fieldTable(fieldsOf(kubernetesSchema(ClusterStatus))),
    "## cluster-os members -o json",
    "A list with one entry per admitted member, lowest index first, then one per node that was revoked: of those no more is known than who they are.",
    fieldTable(fieldsOf(kubernetesSchema(MemberListEntry))),
    code(
      "json",
      JSON.stringify(
        [
          {
            name: "n-mfzwizltoq",
            node_id: `ed25519:${"0a".repeat(32)}`,
            roles: ["control-plane", "worker"],
            capabilities: { cpu: 16, ram: "64GB", gpu: false },
            status: "healthy",
          },
          {
            name: "n-6dryxayoxw",
            node_id: `ed25519:${"0b".repeat(32)}`,
            roles: [],
            capabilities: { cpu: 0, ram: "0GB", gpu: false },
            status: "removed",
          },
        ],
        undefined,
        2,
      ),
    ),
    "## cluster-os doctor -o json",
    "A list with one entry per machine that was examined. The exit code is 0 when no entry has findings, else 1.",
    fieldTable(fieldsOf(kubernetesSchema(DoctorReportEntry))),
    "## cluster-os key status",
    fieldTable(fieldsOf(kubernetesSchema(RingKeyReport))),
  );
}
