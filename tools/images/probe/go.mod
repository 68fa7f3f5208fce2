module cluster-os.dev/tools/images/probe

go 1.24.0
