package topology

import (
	"bytes"
	"crypto/sha256"
	"maps"
	"path"
	"slices"
	"strings"

	"culprit"
)

// Bounds of one nginx configuration.
const (
	maxIncludes     = 1_000
	maxIncludeDepth = 16
	maxExpanded     = 300_000 // statements after includes
	maxServers      = 5_000
	maxPassValues   = 16 // values of one variable
)

// An nginxSource finds and parses the files of one nginx configuration.
type nginxSource interface {
	// files returns the names that an include means.
	files(pattern, prefix string) []string
	parse(name string) []directive
}

// readNginx interprets the main files, then what they do not include.
func (r *reader) readNginx() {
	seen := map[[32]byte]bool{} // contents, since a folder may hold a file twice
	read := map[string]bool{}   // paths
	again := func(name string) bool {
		if read[name] {
			return true
		}
		data, ok := r.tree.read(name)
		sum := sha256.Sum256(data)
		if !ok || seen[sum] {
			return true
		}
		return false
	}
	for _, name := range r.nginxDump {
		data, ok := r.tree.read(name)
		if !ok {
			continue
		}
		dump := parseDump(name, data)
		if len(dump.order) > 0 {
			r.nginx(dump, dump.order[0], dump.order[0])
		}
	}
	for _, name := range r.nginxMain {
		if len(r.nginxDump) > 0 || again(name) {
			continue
		}
		src := &nginxTree{tree: r.tree, parsed: map[string][]directive{}}
		r.nginx(src, name, r.nginxHome(name))
		for file := range src.parsed {
			read[file] = true
			if data, ok := r.tree.read(file); ok {
				seen[sha256.Sum256(data)] = true
			}
		}
	}
	parts := r.nginxPart
	for _, name := range parts {
		if len(r.nginxDump) > 0 || again(name) || strings.Contains("/"+name, "-available/") && len(r.servers) > 0 {
			continue
		}
		data, _ := r.tree.read(name)
		seen[sha256.Sum256(data)] = true
		src := &nginxTree{tree: r.tree, parsed: map[string][]directive{}}
		i := &nginxInterpreter{r: r, src: src, prefix: path.Dir(name), active: []string{name}}
		i.http(src.parse(name), nginxScope{})
	}
}

// nginxHome returns the path that a main file has, or had, on its machine.
func (r *reader) nginxHome(name string) string {
	if r.tree.machine {
		return "/" + name
	}
	for _, known := range nginxMainPlaces {
		if strings.HasSuffix("/"+name, "/"+known) {
			return "/" + known
		}
	}
	return "/etc/nginx/nginx.conf"
}

// nginxTree is a configuration in a tree.
type nginxTree struct {
	tree   *tree
	parsed map[string][]directive
}

func (s *nginxTree) files(pattern, prefix string) []string {
	if !path.IsAbs(pattern) {
		return s.tree.match(path.Join(escapeGlob(prefix), pattern))
	}
	hits := s.tree.glob(pattern, prefix)
	if len(hits) == 0 && !hasGlob(pattern) && !harmlessInclude(pattern) {
		remedy := "sudo nginx -T > nginx-T.txt, and put it into the folder"
		if s.tree.machine {
			remedy = "sudo nginx -t"
		}
		s.tree.gap(pattern, "nginx's configuration includes it, and it is not there", remedy)
	}
	return hits
}

// harmlessInclude names files that never hold a server or a log.
func harmlessInclude(name string) bool {
	base := path.Base(name)
	return strings.HasPrefix(base, "mime") || strings.HasSuffix(base, "_params") || strings.Contains(base, "fastcgi") ||
		strings.Contains(name, "ssl") || strings.Contains(name, "/letsencrypt/") || strings.Contains(name, "/modules")
}

func (s *nginxTree) parse(name string) []directive {
	if list, ok := s.parsed[name]; ok {
		return list
	}
	data, _ := s.tree.read(name)
	list := parseNginx(s.tree.display(name), data)
	s.parsed[name] = list
	return list
}

// nginxDump is the output of nginx -T: every file of the configuration after a
// line "# configuration file /etc/nginx/nginx.conf:".
type nginxDump struct {
	order []string
	text  map[string][]byte
	from  map[string]int // line of the dump at which a file begins
	name  string
}

const dumpMark = "# configuration file /"

func parseDump(name string, data []byte) *nginxDump {
	d := &nginxDump{name: name, text: map[string][]byte{}, from: map[string]int{}}
	current, start, line := "", 0, 0
	flush := func(end int) {
		if current != "" {
			d.text[current] = data[start:end]
		}
	}
	for pos := 0; pos < len(data); {
		line++
		end := len(data)
		if i := bytes.IndexByte(data[pos:], '\n'); i >= 0 {
			end = pos + i + 1
		}
		text := bytes.TrimSpace(data[pos:end])
		if rest, ok := bytes.CutPrefix(text, []byte(dumpMark)); ok && bytes.HasSuffix(rest, []byte(":")) && len(d.order) < maxIncludes {
			flush(pos)
			current, start = "/"+string(rest[:len(rest)-1]), end
			if _, twice := d.text[current]; !twice {
				d.order = append(d.order, current)
			}
			d.from[current] = line
		}
		pos = end
	}
	flush(len(data))
	return d
}

func (d *nginxDump) files(pattern, prefix string) []string {
	if !path.IsAbs(pattern) {
		pattern = path.Join(prefix, pattern)
	}
	var hits []string
	for _, name := range d.order {
		if ok, _ := path.Match(pattern, name); ok {
			hits = append(hits, name)
		}
	}
	slices.Sort(hits)
	return hits
}

func (d *nginxDump) parse(name string) []directive { return parseNginx(name, d.text[name]) }

// nginx interprets one configuration whose main file is name, at home on its
// machine.
func (r *reader) nginx(src nginxSource, name, home string) {
	i := &nginxInterpreter{r: r, src: src, prefix: path.Dir(name), active: []string{name}}
	main := nginxScope{}
	access, errors := defaultLogs(home)
	main.errors = []culprit.Log{{Path: errors, Format: "error"}}
	top := i.expand(src.parse(name), nil)
	main = i.settings(top, main)
	for _, d := range top {
		switch d.name {
		case "http":
			scope := main
			scope.access = []culprit.Log{{Path: access, Format: "combined"}}
			i.http(d.block, scope)
		case "stream":
			i.http(d.block, main)
		}
	}
}

// defaultLogs returns where an nginx of that configuration file logs if the
// configuration does not say: as the packages are compiled.
func defaultLogs(home string) (access, errors string) {
	dir := path.Dir(home)
	if path.Base(dir) == "conf" { // a prefix of its own: OpenResty, aaPanel, from source
		logs := path.Join(path.Dir(dir), "logs")
		return logs + "/access.log", logs + "/error.log"
	}
	return "/var/log/nginx/access.log", "/var/log/nginx/error.log"
}

// An nginxScope is what a block inherits.
type nginxScope struct {
	access   []culprit.Log
	errors   []culprit.Log
	timeouts map[string]string   // proxy to the value of proxy_read_timeout
	vars     map[string][]string // $name to its possible values
}

type nginxInterpreter struct {
	r        *reader
	src      nginxSource
	prefix   string
	active   []string // files being included, outermost first
	includes int
	expanded int
}

// expand replaces includes by what they include.
func (i *nginxInterpreter) expand(list []directive, out []directive) []directive {
	for _, d := range list {
		if i.expanded++; i.expanded > maxExpanded {
			i.r.tree.gap(d.file, "the configuration with its includes is too long; the rest was not read", "")
			return out
		}
		if d.name != "include" || len(d.args) != 1 || d.block != nil {
			out = append(out, d)
			continue
		}
		for _, name := range i.src.files(d.args[0], i.prefix) {
			if slices.Contains(i.active, name) || len(i.active) >= maxIncludeDepth || i.includes >= maxIncludes {
				i.r.tree.gap(name, "it is included in a loop, or too often; it was not read again", "sudo nginx -t")
				continue
			}
			i.includes++
			i.active = append(i.active, name)
			out = i.expand(i.src.parse(name), out)
			i.active = i.active[:len(i.active)-1]
		}
	}
	return out
}

// settings applies the simple directives of one level to what it inherits.
func (i *nginxInterpreter) settings(list []directive, scope nginxScope) nginxScope {
	var access, errors []culprit.Log
	var accessSet bool
	timeouts, vars := scope.timeouts, scope.vars
	for _, d := range list {
		switch d.name {
		case "access_log":
			accessSet = true
			if log, ok := accessLog(d.args); ok {
				access = append(access, log)
			}
		case "error_log":
			if log, ok := errorLog(d.args); ok {
				errors = append(errors, log)
			}
		case "log_format":
			if len(d.args) >= 2 && len(i.r.formats) < maxServers {
				parts := d.args[1:]
				if strings.HasPrefix(parts[0], "escape=") {
					parts = parts[1:]
				}
				if _, have := i.r.formats[d.args[0]]; !have {
					i.r.formats[d.args[0]] = strings.Join(parts, "")
				}
			}
		case "proxy_read_timeout", "fastcgi_read_timeout", "uwsgi_read_timeout", "scgi_read_timeout", "grpc_read_timeout":
			if len(d.args) == 1 {
				timeouts = with(timeouts, strings.TrimSuffix(d.name, "_read_timeout"), d.args[0])
			}
		case "set":
			if len(d.args) == 2 && strings.HasPrefix(d.args[0], "$") {
				vars = with(vars, d.args[0], constants(d.args[1], vars))
			}
		case "map", "geo", "split_clients":
			if name := last(d.args); strings.HasPrefix(name, "$") {
				var values []string
				for _, entry := range i.expand(d.block, nil) {
					if len(entry.args) == 1 {
						values = append(values, constants(entry.args[0], vars)...)
					}
				}
				vars = with(vars, name, bounded(values))
			}
		}
	}
	if accessSet {
		scope.access = access
	}
	if errors != nil {
		scope.errors = errors
	}
	scope.timeouts, scope.vars = timeouts, vars
	return scope
}

// with returns a copy of m in which key has another value: scopes share maps.
func with[V any](m map[string]V, key string, value V) map[string]V {
	m = maps.Clone(m)
	if m == nil {
		m = map[string]V{}
	}
	m[key] = value
	return m
}

func last(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

// bounded drops repeated and too many values.
func bounded(values []string) []string {
	var out []string
	for _, v := range values {
		if v != "" && !slices.Contains(out, v) && len(out) < maxPassValues {
			out = append(out, v)
		}
	}
	return out
}

func accessLog(args []string) (culprit.Log, bool) {
	if len(args) == 0 || args[0] == "off" || strings.HasPrefix(args[0], "syslog:") || args[0] == "/dev/null" {
		return culprit.Log{}, false
	}
	log := culprit.Log{Path: args[0], Format: "combined"}
	if len(args) > 1 && !strings.Contains(args[1], "=") {
		log.Format = args[1]
	}
	return log, true
}

func errorLog(args []string) (culprit.Log, bool) {
	if len(args) == 0 || strings.HasPrefix(args[0], "syslog:") || strings.HasPrefix(args[0], "memory:") || args[0] == "/dev/null" {
		return culprit.Log{}, false
	}
	log := culprit.Log{Path: args[0], Format: "error"}
	if len(args) > 1 {
		log.Format = args[1]
	}
	return log, true
}

// http interprets the block of http or stream.
func (i *nginxInterpreter) http(block []directive, scope nginxScope) {
	list := i.expand(block, nil)
	scope = i.settings(list, scope)
	for _, d := range list {
		switch d.name {
		case "server":
			if d.block != nil && len(i.r.servers) < maxServers {
				i.server(d, scope)
			}
		case "upstream":
			if len(d.args) == 1 && len(i.r.groups) < maxServers {
				i.upstream(d)
			}
		}
	}
}

func (i *nginxInterpreter) upstream(d directive) {
	g := culprit.UpstreamGroup{Name: d.args[0], File: d.file, Line: d.line}
	for _, s := range i.expand(d.block, nil) {
		if s.name == "server" && len(s.args) > 0 {
			g.Servers = append(g.Servers, s.args[0])
		}
	}
	i.r.groups = append(i.r.groups, g)
}

func (i *nginxInterpreter) server(d directive, scope nginxScope) {
	s := culprit.Server{File: d.file, Line: d.line}
	list := i.expand(d.block, nil)
	scope = i.settings(list, scope)
	s.AccessLogs, s.ErrorLogs = slices.Clone(scope.access), slices.Clone(scope.errors)
	for _, d := range list {
		switch d.name {
		case "server_name":
			for _, name := range d.args {
				if name != "_" && name != "" {
					s.Names = append(s.Names, name)
				}
			}
		case "listen":
			if len(d.args) > 0 {
				s.Listen = append(s.Listen, strings.Join(d.args, " "))
			}
		}
	}
	i.locations(&s, list, scope, "")
	i.r.servers = append(i.r.servers, s)
}

// locations adds what a server, a location or an if passes on to, inner blocks
// included.
func (i *nginxInterpreter) locations(s *culprit.Server, list []directive, scope nginxScope, match string) {
	// A variable set in an if may have either value.
	for _, d := range list {
		if d.name != "if" {
			continue
		}
		for _, in := range d.block {
			if in.name == "set" && len(in.args) == 2 && strings.HasPrefix(in.args[0], "$") {
				scope.vars = with(scope.vars, in.args[0], bounded(append(slices.Clone(scope.vars[in.args[0]]), constants(in.args[1], scope.vars)...)))
			}
		}
	}
	for _, d := range list {
		switch d.name {
		case "proxy_pass", "fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass":
			if len(d.args) != 1 {
				continue
			}
			for _, pass := range passTargets(d.args[0], scope.vars) {
				if len(s.Locations) < maxServers {
					s.Locations = append(s.Locations, culprit.Location{Match: match, Directive: d.name, Pass: pass,
						ReadTimeout: scope.timeouts[strings.TrimSuffix(d.name, "_pass")], File: d.file, Line: d.line})
				}
			}
		case "location", "if", "limit_except":
			inner := i.expand(d.block, nil)
			own := i.settings(inner, nginxScope{timeouts: scope.timeouts, vars: scope.vars})
			for _, log := range own.access {
				if !slices.Contains(s.AccessLogs, log) {
					s.AccessLogs = append(s.AccessLogs, log)
				}
			}
			for _, log := range own.errors {
				if !slices.Contains(s.ErrorLogs, log) {
					s.ErrorLogs = append(s.ErrorLogs, log)
				}
			}
			to := match
			if d.name == "location" {
				to = strings.Join(d.args, " ")
			}
			i.locations(s, inner, own, to)
		}
	}
}

// constants returns the values that a text with variables can have; a variable
// that is not known stays as it is written.
func constants(text string, vars map[string][]string) []string {
	out := []string{""}
	for text != "" {
		at := strings.IndexByte(text, '$')
		if at < 0 {
			at = len(text)
		}
		for k := range out {
			out[k] += text[:at]
		}
		text = text[at:]
		if text == "" {
			break
		}
		name, rest := variable(text)
		values := vars[name]
		if len(values) == 0 {
			values = []string{text[:len(text)-len(rest)]}
		}
		var next []string
		for _, head := range out {
			for _, v := range values {
				if len(next) < maxPassValues && len(head)+len(v) <= 1024 {
					next = append(next, head+v)
				}
			}
		}
		if len(next) == 0 {
			return nil
		}
		out, text = next, rest
	}
	return out
}

// variable cuts "$name" or "${name}" off the front of a text; the name returned
// has the dollar and no braces.
func variable(text string) (name, rest string) {
	if strings.HasPrefix(text, "${") {
		if end := strings.IndexByte(text, '}'); end > 2 {
			return "$" + text[2:end], text[end+1:]
		}
		return "", text[1:]
	}
	end := 1
	for end < len(text) {
		c := text[end]
		if c != '_' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		end++
	}
	return text[:end], text[end:]
}

// passTargets returns the targets of a pass directive. What nginx appends to an
// address from the request ("http://127.0.0.1:3000$request_uri") is left off.
func passTargets(pass string, vars map[string][]string) []string {
	targets := constants(pass, vars)
	for k, t := range targets {
		for _, v := range []string{"$request_uri", "$uri", "$document_uri", "$is_args", "$args", "$1"} {
			if at := strings.Index(t, v); at > 0 && !strings.Contains(t[:at], "$") && !strings.HasSuffix(t[:at], "//") {
				t = t[:at]
			}
		}
		targets[k] = t
	}
	return bounded(targets)
}
