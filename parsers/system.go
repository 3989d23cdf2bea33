package parsers

// What machines, service managers and people say: the lists for the registry.
var (
	systemFormats = []*format{supervisorFormat, reflogFormat, dpkgFormat, aptFormat}

	systemRules = []*rule{oomRule, oomKilledRule, oomdRule, coredumpRule, statusRule}

	systemBodies = []body{
		{name: "kernel_oom", parse: parseOOM, words: oomWords},
		{name: "kernel", parse: parseKernel, words: kernelWords},
		{name: "systemd", parse: parseSystemd},
		{name: "systemd", parse: parseCompanion},
		{name: "systemctl_status", parse: parseStatus, words: unitWords},
		{name: "supervisor", parse: parseSupervisor, words: supervisorWords},
		{name: "pm2", parse: parsePM2, first: " PASL[p-=C"},
		{name: "memory_listener", parse: parseMemoryListener, words: memoryWords},
		{name: "docker", parse: parseDocker},
		{name: "change", parse: parseChange},
		{name: "deploy", parse: parseDeploy},
		{name: "package", parse: parsePackage, first: packageBytes},
	}
)
