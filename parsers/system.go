package parsers

// What machines, service managers and people say: the lists for the registry.
var (
	systemFormats = []*format{supervisorFormat, reflogFormat, dpkgFormat, aptFormat}

	systemRules = []*rule{oomRule, oomKilledRule, oomdRule, coredumpRule, statusRule}

	systemBodies = []body{
		{"kernel_oom", parseOOM},
		{"kernel", parseKernel},
		{"systemd", parseSystemd},
		{"systemd", parseCompanion},
		{"systemctl_status", parseStatus},
		{"supervisor", parseSupervisor},
		{"pm2", parsePM2},
		{"memory_listener", parseMemoryListener},
		{"docker", parseDocker},
		{"change", parseChange},
		{"deploy", parseDeploy},
		{"package", parsePackage},
	}
)
