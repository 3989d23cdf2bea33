// Package topology reads from configuration who serves what: nginx's server
// blocks and upstreams, the services that systemd, supervisor, PM2 and Docker
// run, and, on this machine, who listens where as of now.
//
// It reads a folder that someone sent or this machine. In a folder, a path that
// a configuration names ("/etc/nginx/sites-enabled/*") resolves inside the
// folder or not at all. Nothing that is read is ever executed, and everything is
// bounded: file sizes, numbers, depths of includes.
package topology

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"culprit"
)

// Options say what is read.
type Options struct {
	// Machine says that the file system is the root of a running machine: the
	// usual places are read instead of searching, paths mean what they say, and
	// /proc tells who listens.
	Machine bool
}

// Read returns the topology that the configuration in fsys tells. A gap stands
// for every file that was there and could not be read, or was cut.
func Read(fsys fs.FS, opts Options) (culprit.Topology, []culprit.Gap) {
	r := &reader{tree: newTree(fsys, opts.Machine), formats: map[string]string{}, runtime: map[string]owner{}}
	if opts.Machine {
		r.places()
	} else {
		r.search()
	}
	r.readNginx()
	r.readUnits()
	r.readSupervisor()
	r.readPM2()
	r.readContainers()
	r.readPanelScripts()
	r.nameManagers()
	r.ownRuntimeSockets()
	r.readSockets()
	r.readZone()

	t := culprit.Topology{Servers: r.servers, Groups: r.groups, Services: r.services, Listeners: r.listeners,
		Formats: r.formats, Addresses: r.addresses, Zone: r.zone}
	slices.SortStableFunc(t.Services, func(a, b culprit.Service) int {
		return cmp.Or(cmp.Compare(a.Manager, b.Manager), cmp.Compare(a.Name, b.Name))
	})
	return t, r.tree.gaps()
}

// ReadFolder reads a folder that someone sent. Symbolic links that leave it are
// not followed.
func ReadFolder(dir string) (culprit.Topology, []culprit.Gap) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return culprit.Topology{}, []culprit.Gap{{Source: dir, Reason: fmt.Sprintf("the folder could not be opened: %v", errors.Unwrap(err))}}
	}
	defer root.Close()
	return Read(root.FS(), Options{})
}

// ReadMachine reads the machine that it runs on.
func ReadMachine() (culprit.Topology, []culprit.Gap) {
	return Read(os.DirFS("/"), Options{Machine: true})
}

// A reader collects the files of one tree, then what they say.
type reader struct {
	tree *tree

	// Paths in the tree, by what they are.
	nginxMain   []string // files with an http block
	nginxPart   []string // files with server blocks that no main file need include
	nginxDump   []string // output of nginx -T
	units       []string // NAME.service, NAME.socket
	dropIns     map[string][]string
	wanted      []string // symbolic links in NAME.wants that name an instance
	supervisord []string
	programs    []string // supervisor's included files
	pm2         []string // dump.pm2, ecosystem files
	containers  []string // config.v2.json, docker inspect
	scripts     []string // aaPanel's start scripts
	shows       []string // systemctl show
	statuses    []string // supervisorctl status
	sockets     []string // ss -ltnp
	zones       []string

	servers   []culprit.Server
	groups    []culprit.UpstreamGroup
	services  []culprit.Service
	listeners []culprit.Listener
	formats   map[string]string
	addresses []string
	zone      string

	runtime map[string]owner // folders below /run to the unit that makes them (RuntimeDirectory)
	pids    map[int]owner    // main processes, from the output of status commands
}

// An owner names one of the services.
type owner struct{ manager, name string }
