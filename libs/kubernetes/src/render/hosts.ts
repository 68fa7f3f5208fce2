import { API_NAME } from "../settings.ts";

const ENTRY = `127.0.0.1 ${API_NAME}`;

/** /etc/hosts with the API's name leading to this machine's balancer, and to nothing else. The rest stays as it is. */
export function withApiName(hosts: string): string {
  const others = hosts.split("\n").filter((line) => !namesApi(line));
  while (others.at(-1) === "") others.pop();
  return `${[...others, ENTRY].join("\n")}\n`;
}

function namesApi(line: string): boolean {
  const [code = ""] = line.split("#");
  return code.trim().split(/\s+/).slice(1).includes(API_NAME);
}
