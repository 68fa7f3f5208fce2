/** slurm.conf. Whatever is put in here was checked to be one word: see render.ts. */
export const SLURM_CONF = `# Rendered by slurm-operator from SlurmCluster <%= cluster %>; a change here is lost.
ClusterName=<%= clusterName %>
SlurmctldHost=<%= alias %>
SlurmUser=slurm
AuthType=<%= auth.type %>
CredType=<%= auth.credentials %>
<% if (auth.info !== undefined) { -%>
AuthInfo=<%= auth.info %>
<% } -%>
<% if (rest) { -%>
AuthAltTypes=auth/jwt
AuthAltParameters=jwt_key=/var/lib/slurm/jwt_hs256.key,disable_token_creation
<% } -%>

StateSaveLocation=/var/lib/slurm/slurmctld
SlurmdSpoolDir=/var/lib/slurm/slurmd
SlurmctldPidFile=/run/slurmctld/slurmctld.pid
SlurmdPidFile=/run/slurm/slurmd.pid
SlurmctldLogFile=/var/log/slurm/slurmctld.log
SlurmdLogFile=/var/log/slurm/slurmd.log

# The other machines have no configuration of their own: they ask for it. They register as they come.
SlurmctldParameters=enable_configless
SlurmdParameters=config_overrides
MaxNodeCount=<%= maxNodes %>
TreeWidth=65533
GresTypes=gpu
<% if (database !== undefined) { -%>

AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=<%= database.host %>
AccountingStoragePort=<%= database.port %>
<% } else { -%>

JobCompType=jobcomp/filetxt
JobCompLoc=/var/log/slurm/jobcomp.log
<% } -%>
<% if (isTree) { -%>
TopologyPlugin=topology/tree
<% } -%>

<% for (const { name, value } of parameters) { -%>
<%= name %>=<%= value %>
<% } -%>

<% for (const { name, feature } of nodeSets) { -%>
NodeSet=<%= name %> Feature=<%= feature %>
<% } -%>
<% for (const line of partitions) { -%>
<%= line %>
<% } -%>
`;

export const CGROUP_CONF = `# Rendered by slurm-operator; a change here is lost.
CgroupPlugin=disabled
`;

export const GRES_CONF = `# Rendered by slurm-operator from what ClusterNodes report; a change here is lost.
<% for (const line of lines) { -%>
<%= line %>
<% } -%>
`;

export const TOPOLOGY_CONF = `# Rendered by slurm-operator from the labels of ClusterNodes; a change here is lost.
<% for (const { name, nodes } of switches) { -%>
SwitchName=<%= name %> Nodes=<%= nodes %>
<% } -%>
<% if (switches.length > 1) { -%>
SwitchName=core Switches=<%= switches.map(({ name }) => name).join(",") %>
<% } -%>
`;

/** Empty: Debian's own includes a folder that may not be there, and complains. */
export const PLUGSTACK_CONF = `# Rendered by slurm-operator; a change here is lost.
`;
