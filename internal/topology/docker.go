package topology

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"

	"culprit"
)

// A container is what Docker's config.v2.json and docker inspect share.
type container struct {
	ID     string
	Name   string
	Config struct {
		Env          []string
		Cmd          []string
		Entrypoint   []string
		User         string
		WorkingDir   string
		ExposedPorts map[string]any
		Labels       map[string]string
	}
	NetworkSettings struct {
		Ports    map[string][]portBinding
		Networks map[string]struct {
			IPAddress string
			Aliases   []string
			DNSNames  []string
		}
	}
	LogPath    string
	HostConfig hostConfig
}

// A hostConfig is hostconfig.json, or the part of docker inspect of that name.
type hostConfig struct {
	Memory        int64
	NetworkMode   string
	PortBindings  map[string][]portBinding
	RestartPolicy struct {
		Name              string
		MaximumRetryCount int
	}
}

type portBinding struct {
	HostIP   string `json:"HostIp"`
	HostPort string
}

// readContainers turns Docker's containers into services.
func (r *reader) readContainers() {
	for _, name := range r.containers {
		data, ok := r.tree.read(name)
		if !ok {
			continue
		}
		var all []container
		if err := json.Unmarshal(data, &all); err != nil {
			var one container
			if err := json.Unmarshal(data, &one); err != nil {
				r.tree.gap(name, fmt.Sprintf("Docker's configuration could not be understood: read JSON: %v", err), "docker inspect NAME > docker-inspect.json")
				continue
			}
			if host, ok := r.tree.read(path.Join(path.Dir(name), "hostconfig.json")); ok {
				if err := json.Unmarshal(host, &one.HostConfig); err != nil {
					r.tree.gap(path.Join(path.Dir(name), "hostconfig.json"), fmt.Sprintf("Docker's configuration could not be understood: read JSON: %v", err), "")
				}
			}
			all = []container{one}
		}
		for _, c := range all[:min(len(all), maxPrograms)] {
			if c.Name != "" || c.ID != "" {
				r.services = append(r.services, r.containerService(c, name))
			}
		}
	}
}

func (r *reader) containerService(c container, file string) culprit.Service {
	s := culprit.Service{Manager: "docker", Name: strings.TrimPrefix(c.Name, "/"), ID: c.ID, Dir: c.Config.WorkingDir, User: c.Config.User,
		Command: strings.Join(slices.Concat(c.Config.Entrypoint, c.Config.Cmd), " "), File: r.tree.display(file)}
	if s.Name == "" {
		s.Name = c.ID[:min(len(c.ID), 12)]
	}
	if c.LogPath != "" {
		s.Logs = []string{c.LogPath}
	}
	if c.HostConfig.Memory > 0 {
		s.Memory, s.MemoryBy = c.HostConfig.Memory, fmt.Sprintf("--memory=%d", c.HostConfig.Memory)
	}
	if p := c.HostConfig.RestartPolicy; p.Name != "" {
		s.Restart = "restart=" + p.Name
		if p.MaximumRetryCount > 0 {
			s.StartLimit = fmt.Sprintf("restart=%s:%d", p.Name, p.MaximumRetryCount)
		}
	}
	for _, on := range strings.Split(c.Config.Labels["com.docker.compose.depends_on"], ",") {
		if name, _, _ := strings.Cut(on, ":"); name != "" {
			s.Requires = append(s.Requires, name)
		}
	}
	env := environment{}
	for _, assignment := range c.Config.Env {
		if name, value, ok := strings.Cut(assignment, "="); ok {
			env.set(name, value)
		}
	}
	// Inside its own network the container's working directory and sockets are not
	// the machine's; what it listens at is what is published.
	inside := culprit.Service{Command: s.Command}
	r.finish(&inside, env, path.Dir(file))
	s.Env, s.Heap = inside.Env, inside.Heap
	if c.HostConfig.NetworkMode == "host" {
		s.Listen = inside.Listen
		return s
	}
	add := func(listen string) {
		if !slices.Contains(s.Listen, listen) {
			s.Listen = append(s.Listen, listen)
		}
	}
	for _, bindings := range []map[string][]portBinding{c.HostConfig.PortBindings, c.NetworkSettings.Ports} {
		for port, list := range bindings {
			for _, b := range list {
				if !isPort(b.HostPort) || strings.HasSuffix(port, "/udp") {
					continue
				}
				host := b.HostIP
				if host == "0.0.0.0" || host == "::" {
					host = ""
				}
				if strings.Contains(host, ":") {
					host = "[" + host + "]"
				}
				add(host + ":" + b.HostPort)
			}
		}
	}
	var ports []string
	for port := range c.Config.ExposedPorts {
		number, protocol, _ := strings.Cut(port, "/")
		if isPort(number) && protocol != "udp" {
			ports = append(ports, number)
		}
	}
	for _, l := range inside.Listen {
		if at := strings.LastIndexByte(l, ':'); at >= 0 && isPort(l[at+1:]) && !slices.Contains(ports, l[at+1:]) {
			ports = append(ports, l[at+1:])
		}
	}
	for _, network := range c.NetworkSettings.Networks {
		names := append([]string{network.IPAddress, s.Name, c.Config.Labels["com.docker.compose.service"]}, append(network.Aliases, network.DNSNames...)...)
		for _, port := range ports {
			for _, name := range names {
				if name != "" && len(s.Listen) < 100 {
					add(name + ":" + port)
				}
			}
		}
	}
	slices.Sort(s.Listen)
	return s
}
