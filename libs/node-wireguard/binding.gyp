{
  "targets": [
    {
      "target_name": "netlink",
      "sources": ["native/netlink_socket.c"],
      # N-API alone, which every later Node has too: what is built here is not bound to one version.
      "defines": ["NAPI_VERSION=9", "_GNU_SOURCE"],
      "cflags": ["-std=c17", "-Wall", "-Wextra", "-Werror", "-fvisibility=hidden", "-ffile-prefix-map=<(module_root_dir)=."],
      "ldflags": ["-Wl,-z,relro,-z,now", "-Wl,--build-id=none"]
    }
  ]
}
