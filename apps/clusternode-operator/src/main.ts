import { OPERATOR_NAME } from "@cluster-os/api";
import { runOperator } from "@cluster-os/kube/operator";
import { createOperator } from "./operator.ts";

await runOperator({ name: OPERATOR_NAME, create: createOperator });
