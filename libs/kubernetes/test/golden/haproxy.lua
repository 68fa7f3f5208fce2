-- Rendered by cluster-os-bootstrap. Changes are overwritten.
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
