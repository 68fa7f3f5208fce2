import { compareText } from "@cluster-os/std";
import type { BalancerPlacement } from "../distribution.ts";
import { API_SERVER_PORT, BALANCER_PORT, PATHS } from "../settings.ts";

/**
 * haproxy's configuration of the balancer in front of the API servers. The order of `servers` does not matter, and an
 * empty list is valid: connections are then refused. Programs of this machine reach it on the loopback, its pods on
 * the machine's mesh address. On machines that are `patience` times slower than usual ones a
 * late answer is no missing one, and each look at a server, a handshake of TLS, is dear.
 */
export function renderBalancer(
  { servers, meshAddress, podNetwork }: BalancerPlacement,
  patience = 1,
): string {
  const sorted = [...servers].sort((left, right) => compareText(left.nodeName, right.nodeName));
  const time = (ms: number): string => `${Math.round(ms * patience)}ms`;
  const lines = sorted.map(({ nodeName, address }) => `    server ${nodeName} ${address}:${API_SERVER_PORT}`);
  // Nobody is better served than by the only server, however slow its etcd is: to drop all connections then brings them
  // all back at once, which is what makes a slow server an unreachable one.
  const isAlone = sorted.length === 1;
  const readyz = isAlone ? "/readyz?exclude=etcd&exclude=etcd-readiness" : "/readyz";
  const whenDown = isAlone ? "" : " on-marked-down shutdown-sessions";
  return `# Rendered by cluster-os-bootstrap from the cluster's membership. Changes are overwritten.
global
    log stdout format raw daemon notice
    stats socket /run/cluster-os-balancer/haproxy.sock mode 600 level admin expose-fd listeners
    user haproxy
    group haproxy
    maxconn 2000
    # After a reload the old process checks servers no longer, so connections must not stay with it for long.
    hard-stop-after 3s
    lua-load ${PATHS.balancerScript}

defaults
    mode tcp
    log global
    option dontlog-normal
    timeout connect ${time(1000)}
    # Watches and terminals are silent for long; their clients send keep-alives where it matters.
    timeout client 1h
    timeout server 1h
    # A connection refused by one server goes to another.
    retries 3
    option redispatch 1

frontend api
    bind 127.0.0.1:${BALANCER_PORT}
    default_backend servers

frontend pods
    # "transparent": also while the mesh's interface is being made, and the address is not there yet.
    bind ${meshAddress}:${BALANCER_PORT} transparent
    # For this machine's pods alone; and whatever one of them opens, the machine's own programs have most of what there is.
    tcp-request connection reject unless { src ${podNetwork} }
    maxconn 200
    default_backend servers

backend servers
    balance leastconn
    # Readiness, not just an open port: a server that starts or stops is not asked.
    option httpchk GET ${readyz}
    http-check expect status 200
    timeout check ${time(3000)}
    # A machine that vanished sends no reset: its connections are dropped here, or clients would hang on them. By its
    # checks where there are other servers; in any case by its kernel, which answers however slow the rest is.
    option srvtcpka
    srvtcpka-idle ${time(10_000)}
    srvtcpka-intvl ${time(5000)}
    srvtcpka-cnt 3
    default-server check check-ssl verify none inter ${time(1000)} fastinter ${time(500)} downinter ${time(500)} fall 2 rise 1${whenDown}
${lines.length > 0 ? `${lines.join("\n")}\n` : ""}`;
}

/**
 * What haproxy cannot be configured to do: refuse connections while no server answers. By itself it accepts and closes
 * them, which clients take for a mishap on the way: those of Go's library ask ten times more, a second apart, and a
 * kubelet does nothing else meanwhile. After a power cut that held back the very API server it asked for.
 */
export function renderBalancerScript(): string {
  return `-- Rendered by cluster-os-bootstrap. Changes are overwritten.
local LOOK_MS = 100
-- Longer than an earlier worker lives after a reload: "hard-stop-after".
local ALONE_AFTER_MS = 4000

local function set_listening(wanted)
  for _, name in ipairs({ "api", "pods" }) do
    local frontend = core.frontends[name]
    if wanted then frontend:resume() else frontend:pause() end
  end
end

core.register_task(function()
  local servers = core.backends["servers"]
  local is_listening, is_alone, waited = true, false, 0
  while true do
    local has_servers = servers:get_srv_act() > 0
    if has_servers ~= is_listening then
      set_listening(has_servers)
      is_listening = has_servers
    end
    -- Workers share their sockets: one that was told to go just as it paused them has paused them for us.
    if not is_alone and waited >= ALONE_AFTER_MS then
      is_alone = true
      if is_listening then
        set_listening(false)
        set_listening(true)
      end
    end
    core.msleep(LOOK_MS)
    waited = waited + LOOK_MS
  end
end)
`;
}
