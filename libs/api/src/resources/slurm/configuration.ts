import { z } from "zod";
import { matching, ruled } from "../rules.ts";

/**
 * Parameters of slurm.conf that Cluster-OS writes, in small letters: SLURM does not tell capitals. Without these, or with
 * two of one kind, a cluster does not hold together, so nobody else writes them.
 */
export const RESERVED_PARAMETERS: readonly string[] = [
  ..."accountingstoragehost accountingstorageport accountingstoragetype authaltparameters authalttypes authinfo".split(
    " ",
  ),
  ..."authtype backupaddr backupcontroller clustername controladdr controlmachine credtype downnodes".split(
    " ",
  ),
  ..."frontendname grestypes include jobcomploc jobcomptype launchparameters maxnodecount nodename nodeset".split(
    " ",
  ),
  ..."partitionname plugindir plugstackconfig resvprolog slurmctldaddr slurmctldhost slurmctldlogfile".split(
    " ",
  ),
  ..."slurmctldparameters slurmctldpidfile slurmctldport slurmctldprimaryoffprog slurmctldprimaryonprog".split(
    " ",
  ),
  ..."slurmdlogfile slurmdparameters slurmdpidfile slurmdport slurmdspooldir slurmduser slurmuser statesavelocation".split(
    " ",
  ),
  ..."switchname topologyplugin treewidth".split(" "),
];

const ParameterName = ruled(z.string().min(1).max(64), [
  matching(
    /^[A-Za-z][A-Za-z0-9]{0,63}$/,
    "a parameter is one word of slurm.conf, letters and digits only, for example SchedulerParameters",
  ),
  {
    cel: `!(self.lowerAscii() in ${JSON.stringify(RESERVED_PARAMETERS)})`,
    holds: (name) => !RESERVED_PARAMETERS.includes(name.toLowerCase()),
    message: "Cluster-OS writes this parameter itself; a second one would break the cluster",
  },
]);

/** Without white space, quotes, backslashes and #: a value is one word, and can begin neither a parameter nor a line. */
export const PARAMETER_VALUE = /^[A-Za-z0-9_.,:;/+%@=()\[\]*-]+$/;

const ParameterValue = ruled(z.string().min(1).max(1024), [
  matching(
    PARAMETER_VALUE,
    "a value is one word: letters, digits and _.,:;/+%@=()[]*- without spaces, quotes, # or new lines",
  ),
]);

/** Beyond what else is in the spec. */
export const ExtraConfiguration = ruled(
  z
    .array(
      z.object({
        name: ParameterName.describe("Parameter of slurm.conf, for example SchedulerParameters."),
        value: ParameterValue.describe("Its value, for example bf_interval=10,sched_min_interval=0."),
      }),
    )
    .max(64)
    .default([])
    .meta({ "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"] }),
  [
    {
      cel: "self.all(one, self.exists_one(other, other.name.lowerAscii() == one.name.lowerAscii()))",
      holds: (all) => new Set(all.map(({ name }) => name.toLowerCase())).size === all.length,
      message: "a parameter is given once; SLURM does not tell capitals",
    },
  ],
);
