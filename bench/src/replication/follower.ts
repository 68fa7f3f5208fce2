/** A follower in a process of its own, until its parent ends it. */
import { openMachine, type MachineOptions } from "./machine.ts";

await openMachine(JSON.parse(process.argv[2] ?? "") as MachineOptions);
process.on("disconnect", () => process.exit(0));
process.send?.("listening");
