package topology

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"net/netip"
	"path"
	"slices"
	"strconv"
	"strings"

	"culprit"
)

// nameManagers says which systemd unit runs the manager of each program that
// systemd does not run itself.
func (r *reader) nameManagers() {
	units := map[string]string{"supervisor": "supervisor.service", "docker": "docker.service"}
	for _, s := range r.services {
		if s.Manager != "systemd" || s.Command == "" {
			continue
		}
		switch command := s.Command; {
		case strings.Contains(command, "supervisord"):
			units["supervisor"] = s.Unit
		case strings.Contains(command, "pm2") && units["pm2"] == "":
			units["pm2"] = s.Unit
			if s.User != "" {
				units["pm2 "+s.User] = s.Unit
			}
		case strings.Contains(command, "pm2") && s.User != "":
			units["pm2 "+s.User] = s.Unit
		}
	}
	for i := range r.services {
		s := &r.services[i]
		if s.Manager == "systemd" || s.Manager == "" {
			continue
		}
		s.Unit = units[s.Manager]
		if u := units["pm2 "+s.User]; s.Manager == "pm2" && u != "" {
			s.Unit = u
		}
	}
	for i := range r.services {
		s := &r.services[i]
		if port := culprit.DefaultPort(s.Name); port != "" && len(s.Listen) == 0 && !s.IsTemplate() {
			s.Listen = []string{":" + port}
		}
	}
}

// ownRuntimeSockets gives a unix socket that nginx connects to, and that no
// service claims, to the unit that makes its folder.
func (r *reader) ownRuntimeSockets() {
	var sockets []string
	for _, g := range r.groups {
		sockets = append(sockets, g.Servers...)
	}
	for _, s := range r.servers {
		for _, l := range s.Locations {
			sockets = append(sockets, culprit.PassAddress(l.Pass))
		}
	}
	t := culprit.Topology{Services: r.services}
	for _, address := range sockets {
		file, ok := strings.CutPrefix(address, "unix:")
		if !ok || len(t.ServicesAt(address)) > 0 {
			continue
		}
		if rest, ok := strings.CutPrefix(file, "/var/run/"); ok {
			file = "/run/" + rest
		}
		by := r.runtime[path.Dir(path.Clean(file))+"/"]
		if s := t.ServiceNamed(by.manager, by.name); by.name != "" && s != nil {
			s.Listen = append(s.Listen, address)
		}
	}
}

// readSockets finds out who listens: from /proc of this machine, or from the
// output of ss, netstat, systemctl show and supervisorctl status in a folder.
func (r *reader) readSockets() {
	r.pids = map[int]owner{}
	for _, name := range r.shows {
		r.readShow(name)
	}
	for _, name := range r.statuses {
		if data, ok := r.tree.read(name); ok {
			for line := range strings.Lines(string(data)) {
				// "shop:api   RUNNING   pid 1822, uptime 0:00:40"
				f := strings.Fields(line)
				if len(f) >= 4 && f[2] == "pid" {
					_, program, both := strings.Cut(f[0], ":")
					if !both {
						program = f[0]
					}
					if pid, err := strconv.Atoi(strings.TrimSuffix(f[3], ",")); err == nil {
						r.pids[pid] = owner{"supervisor", program}
					}
				}
			}
		}
	}
	for _, name := range r.sockets {
		if data, ok := r.tree.read(name); ok {
			for _, l := range parseSockets(string(data)) {
				r.addListener(l, r.pids[l.PID])
			}
		}
	}
	if r.tree.machine {
		r.readProc()
	}
}

// addListener adds a socket and, if its owner is a service, where that listens.
func (r *reader) addListener(l culprit.Listener, by owner) {
	for i := range r.services {
		s := &r.services[i]
		if by.name == "" || s.Name != by.name || s.Manager != by.manager || s.IsTemplate() {
			continue
		}
		l.Service, l.Manager = s.Name, s.Manager
		if !slices.Contains(s.Listen, l.Address) {
			s.Listen = append(s.Listen, l.Address)
		}
		break
	}
	if len(r.listeners) < maxServers && !slices.Contains(r.listeners, l) {
		r.listeners = append(r.listeners, l)
	}
}

// readShow reads the output of systemctl show: the main process of a unit.
func (r *reader) readShow(name string) {
	data, ok := r.tree.read(name)
	if !ok {
		return
	}
	id, pid := "", 0
	for line := range strings.Lines(string(data)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		switch key {
		case "Id":
			id = strings.TrimSuffix(value, ".service")
		case "MainPID":
			pid, _ = strconv.Atoi(value)
		}
	}
	if id != "" && pid > 0 {
		r.pids[pid] = owner{"systemd", id}
	}
}

// parseSockets reads the listening TCP sockets in the output of ss -ltnp or
// netstat -ltnp.
func parseSockets(text string) []culprit.Listener {
	var all []culprit.Listener
	for line := range strings.Lines(text) {
		f := strings.Fields(line)
		var l culprit.Listener
		switch {
		case len(f) >= 5 && f[0] == "LISTEN": // ss
			l.Address = f[3]
			if _, users, ok := strings.Cut(line, `users:(("`); ok {
				l.Process, users, _ = strings.Cut(users, `"`)
				if _, pid, ok := strings.Cut(users, "pid="); ok {
					end := strings.IndexAny(pid, ",)")
					l.PID, _ = strconv.Atoi(pid[:max(end, 0)])
				}
			}
		case len(f) >= 6 && strings.HasPrefix(f[0], "tcp") && f[5] == "LISTEN": // netstat
			l.Address = f[3]
			if len(f) > 6 {
				pid, process, _ := strings.Cut(f[6], "/")
				l.PID, _ = strconv.Atoi(pid)
				l.Process = strings.TrimSuffix(process, ":")
			}
		default:
			continue
		}
		l.Address = socketAddress(l.Address)
		if l.Address != "" && len(all) < maxServers {
			all = append(all, l)
		}
	}
	return all
}

// socketAddress writes the addresses of ss and netstat as nginx does: "*:80" and
// ":::80" are "[::]:80", a scope ("127.0.0.53%lo:53") is left off.
func socketAddress(a string) string {
	at := strings.LastIndexByte(a, ':')
	if at < 0 || !isPort(a[at+1:]) {
		return ""
	}
	host, port := strings.Trim(a[:at], "[]"), a[at+1:]
	host, _, _ = strings.Cut(host, "%")
	switch {
	case host == "*" || host == "::":
		return "[::]:" + port
	case strings.Contains(host, ":"):
		return "[" + host + "]:" + port
	}
	return host + ":" + port
}

// Bounds of what is looked at in /proc.
const (
	maxProcesses   = 20_000
	maxDescriptors = 4_000 // of one process
)

// readProc finds the listening sockets of this machine and who holds them.
func (r *reader) readProc() {
	byInode := map[string]string{} // inode to address
	for _, name := range []string{"proc/net/tcp", "proc/net/tcp6"} {
		if data, ok := r.tree.read(name); ok {
			for line := range strings.Lines(string(data)) {
				// sl local rem st tx:rx tr:tm retrnsmt uid timeout inode
				f := strings.Fields(line)
				if len(f) >= 10 && f[3] == "0A" { // TCP_LISTEN
					if a := procAddress(f[1]); a != "" {
						byInode[f[9]] = a
					}
				}
			}
		}
	}
	if data, ok := r.tree.read("proc/net/unix"); ok {
		for line := range strings.Lines(string(data)) {
			// Num RefCount Protocol Flags Type St Inode Path; flag 00010000: it accepts connections
			f := strings.Fields(line)
			if len(f) >= 8 && f[3] == "00010000" && f[4] == "0001" && strings.HasPrefix(f[7], "/") {
				byInode[f[6]] = "unix:" + f[7]
			}
		}
	}
	if data, ok := r.tree.read("proc/net/fib_trie"); ok {
		r.addresses = localAddresses(string(data))
	}
	if data, ok := r.tree.read("proc/net/if_inet6"); ok {
		for line := range strings.Lines(string(data)) {
			hexadecimal, _, _ := strings.Cut(line, " ")
			if raw, err := hex.DecodeString(hexadecimal); err == nil && len(raw) == 16 {
				if ip := netip.AddrFrom16([16]byte(raw)); !ip.IsLoopback() {
					r.addresses = append(r.addresses, ip.String())
				}
			}
		}
	}
	if len(byInode) == 0 {
		return
	}
	holders, hidden := r.holders(byInode)
	inodes := make([]string, 0, len(byInode))
	for inode := range byInode {
		inodes = append(inodes, inode)
	}
	slices.Sort(inodes)
	unseen := false
	for _, inode := range inodes {
		l := culprit.Listener{Address: byInode[inode], PID: holders[inode]}
		var by owner
		if l.PID > 0 {
			dir := "proc/" + strconv.Itoa(l.PID)
			if comm, ok := r.tree.read(dir + "/comm"); ok {
				l.Process = strings.TrimSpace(string(comm))
			}
			by = r.ownerOf(dir)
		} else {
			unseen = true
		}
		r.addListener(l, by)
	}
	if hidden && unseen {
		r.tree.gap("proc", "which processes listen could not be seen for all sockets", "run culprit as root")
	}
}

// procAddress reads an address of /proc/net/tcp: hexadecimal words of the
// machine's byte order (little-endian on all that nginx runs on), a colon, the
// port.
func procAddress(s string) string {
	words, port, _ := strings.Cut(s, ":")
	raw, err := hex.DecodeString(words)
	number, portErr := strconv.ParseUint(port, 16, 16)
	if err != nil || portErr != nil || len(raw) != 4 && len(raw) != 16 {
		return ""
	}
	for i := 0; i+4 <= len(raw); i += 4 {
		slices.Reverse(raw[i : i+4])
	}
	ip, _ := netip.AddrFromSlice(raw)
	return netip.AddrPortFrom(ip.Unmap(), uint16(number)).String()
}

// localAddresses reads /proc/net/fib_trie: an address line, then "/32 host
// LOCAL" below it.
func localAddresses(text string) []string {
	var all []string
	address := ""
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if rest, ok := strings.CutPrefix(line, "|-- "); ok {
			address = rest
		}
		if line == "/32 host LOCAL" {
			ip, err := netip.ParseAddr(address)
			if err == nil && !ip.IsLoopback() && !slices.Contains(all, address) && len(all) < 1_000 {
				all = append(all, address)
			}
		}
	}
	return all
}

// holders returns the process that holds each socket: the lowest one but for
// systemd, which only hands it on; and whether some process could not be looked
// into.
func (r *reader) holders(inodes map[string]string) (map[string]int, bool) {
	holders, hidden := map[string]int{}, false
	entries, err := fs.ReadDir(r.tree.fsys, "proc")
	if err != nil {
		return holders, true
	}
	looked := 0
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid <= 0 {
			continue
		}
		if looked++; looked > maxProcesses {
			return holders, true
		}
		dir := path.Join("proc", e.Name(), "fd")
		fds, err := fs.ReadDir(r.tree.fsys, dir)
		if err != nil {
			hidden = hidden || errors.Is(err, fs.ErrPermission)
			continue
		}
		for _, fd := range fds[:min(len(fds), maxDescriptors)] {
			target, err := fs.ReadLink(r.tree.fsys, path.Join(dir, fd.Name()))
			if err != nil {
				continue
			}
			inode, ok := strings.CutPrefix(target, "socket:[")
			if !ok {
				continue
			}
			inode = strings.TrimSuffix(inode, "]")
			if _, listening := inodes[inode]; !listening {
				continue
			}
			if have := holders[inode]; have <= 1 || pid > 1 && pid < have {
				holders[inode] = pid
			}
		}
	}
	return holders, hidden
}

// managerVariables are the variables by which a manager's children know their
// own names: supervisor's (subprocesses, "Environment of Subprocesses"), PM2's
// app name and aaPanel's project.
var managerVariables = map[string]string{"SUPERVISOR_PROCESS_NAME": "supervisor", "name": "pm2", "NODE_PROJECT_NAME": ""}

// ownerOf returns the service that a process of /proc belongs to.
func (r *reader) ownerOf(dir string) owner {
	if data, ok := r.tree.read(dir + "/environ"); ok {
		for variable := range strings.SplitSeq(string(data), "\x00") {
			name, value, _ := strings.Cut(variable, "=")
			manager, known := managerVariables[name]
			if !known {
				continue
			}
			for i := range r.services {
				s := &r.services[i]
				if s.Manager == manager && (s.Name == value || manager == "supervisor" && strings.HasPrefix(value, s.Name+"_")) {
					return owner{s.Manager, s.Name}
				}
			}
		}
	}
	data, ok := r.tree.read(dir + "/cgroup")
	if !ok {
		return owner{}
	}
	// The innermost unit or container counts: "0::/system.slice/docker-ID.scope".
	for line := range strings.Lines(string(data)) {
		parts := strings.Split(strings.TrimSpace(line), "/")
		for k := len(parts) - 1; k > 0; k-- {
			part := parts[k]
			id := strings.TrimSuffix(strings.TrimPrefix(part, "docker-"), ".scope")
			for i := range r.services {
				s := &r.services[i]
				if s.Manager == "docker" && s.ID != "" && s.ID == id || s.Manager == "systemd" && s.Unit == part {
					return owner{s.Manager, s.Name}
				}
			}
			if !strings.Contains(part, "@") || !strings.HasSuffix(part, ".service") {
				continue
			}
			t := culprit.Topology{Services: r.services}
			if s := t.AddInstance(part); s != nil {
				r.services = t.Services
				return owner{s.Manager, s.Name}
			}
		}
	}
	return owner{}
}

// readZone finds the machine's time zone.
func (r *reader) readZone() {
	for _, name := range r.zones {
		zone := ""
		if target, err := fs.ReadLink(r.tree.fsys, name); err == nil {
			_, zone, _ = strings.Cut(target, "zoneinfo/")
		} else if data, ok := r.tree.read(name); ok {
			for line := range strings.Lines(string(data)) {
				line = strings.TrimSpace(line)
				if v, ok := strings.CutPrefix(line, "Timezone="); ok {
					zone = v
				} else if v, ok := strings.CutPrefix(line, "Time zone:"); ok {
					zone, _, _ = strings.Cut(strings.TrimSpace(v), " ")
				} else if path.Base(name) == "timezone" && zone == "" {
					zone = line
				}
			}
		}
		if isZone(zone) {
			r.zone = zone
			return
		}
	}
}

// isZone says whether a text looks like Europe/Berlin or UTC: it is handed to
// time.LoadLocation later, which reads a file of that name.
func isZone(s string) bool {
	if s == "" || len(s) > 64 || s[0] == '/' || strings.Contains(s, "..") {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != '/' && c != '_' && c != '-' && c != '+' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			return false
		}
	}
	return true
}
