import { expect } from "chai";
import { patientHost, type Command, type Host } from "../src/drivers/index.ts";

describe("a patient host", () => {
  const signal = new AbortController().signal;
  const commands: Command[] = [];
  const host = {
    patience: 1,
    run: (command: Command) => {
      commands.push(command);
      return Promise.resolve({ exitCode: 0, stdout: "", stderr: "" });
    },
    readFile: () => Promise.resolve("content"),
  } as unknown as Host;

  it("gives each command more time, and is the same machine otherwise", async () => {
    const patient = patientHost(host, 6);
    await patient.run({ file: "true", args: [], timeoutMs: 1000 }, signal);
    expect(commands.map(({ timeoutMs }) => timeoutMs)).to.deep.equal([6000]);
    expect(patient.patience).to.equal(6);
    expect(await patient.readFile("/x")).to.equal("content");
  });

  it("of usual hardware is that host itself", () => expect(patientHost(host, 1)).to.equal(host));
});
