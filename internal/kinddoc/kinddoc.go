// Package kinddoc writes docs/formats.md: what the parsers read and what they
// make of it. The text is in the comments of kind.go; which attributes a Kind
// has is seen in the golden files of the parsers.
//
//go:generate go run ./write
package kinddoc

import (
	"bytes"
	"encoding/json"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strconv"
	"strings"

	"culprit/parsers"
)

// formats says what the names of the parsers stand for. A test fails for a
// format that is not here.
var formats = map[string]string{
	"nginx_error":         "nginx's error log, also of OpenResty, Tengine and ingress-nginx, on Linux, BSD, macOS and Windows",
	"nginx_stderr":        "what nginx prints before it has a log: `nginx: [emerg] ...`",
	"nginx_access":        "nginx's access log: combined, what people append to it, or the `log_format` that the configuration names",
	"nginx_access_json":   "an access log of JSON objects",
	"nginx_access_fields": "an access log of fields with names: `status=200 ...`, LTSV",
	"syslog":              "files of syslog daemons (RFC 3164, RFC 3339, busybox, OpenWrt) and journalctl's forms short, short-precise, short-iso, short-full, short-unix, short-monotonic and with-unit",
	"syslog5424":          "syslog after RFC 5424",
	"dmesg":               "what dmesg prints, also with -T, -x, -r and --time-format iso",
	"journal_json":        "journalctl -o json",
	"journal_verbose":     "journalctl -o verbose",
	"docker_json":         "files of Docker's json-file driver; pieces of long lines are put together",
	"cri":                 "files of containerd and CRI-O",
	"stamped":             "a time before every line, as docker logs -t and PM2's log_date_format write it",
	"prefixed":            "a name before every line, as docker compose, foreman and pm2 logs write it",
	"kubectl_prefix":      "kubectl logs --prefix",
	"heroku":              "the router's and dynos' prefix of Heroku and dokku: `TIME app[web.1]: ...`",
	"concurrently":        "a number in brackets before every line, as concurrently writes it",
	"task_runner":         "a package and its script before every line, as turbo and pnpm write them: `@shop/api:dev: ...`",
	"pm2_bus":             "what PM2 prints of its daemon and apps in the foreground, and its log before version 1.0",
	"quoted":              "lines that somebody quoted with `> ` or indented",
	"grep":                "the name of the file, and the line's number, that grep puts before what it found",
	"nginx_untimed":       "nginx's error lines whose time, or all before the message, was left off when they were pasted",
	"lambda":              "lines of AWS Lambda's Node runtime",
	"node_red":            "Node-RED's log",
	"supervisor":          "supervisord's own log",
	"pm2":                 "PM2's own log",
	"docker":              "docker events and what compose says of its containers",
	"memory_listener":     "listeners that end programs for their memory: superlance's memmon and the like",
	"kernel":              "messages of the kernel",
	"kernel_oom":          "reports of the kernel's OOM killer, versions 2.6 to 6.x",
	"systemd":             "messages of systemd, journald, systemd-oomd, systemd-coredump and logind",
	"systemctl_status":    "what systemctl status prints",
	"change":              "sudo, cron, sshd and logind: who did what",
	"deploy":              "lines of deploy scripts and tools",
	"git_reflog":          "a repository's .git/logs/HEAD",
	"package":             "lines of package managers in syslog and the journal",
	"dpkg":                "/var/log/dpkg.log",
	"apt_history":         "/var/log/apt/history.log",
	"node":                "traces, warnings and last words of Node.js 0.10 to 24",
	"npm":                 "npm's error blocks",
	"v8_report":           "V8's reports of a heap at its limit and other fatal errors",
	"timed":               "the log of any other program that begins its entries with a date and a time: PostgreSQL, MySQL, Redis, gunicorn",
	"json_log":            "loggers that write JSON: pino, bunyan, winston, Nest",
	"node_warning":        "warnings of Node's process",
	"nest":                "NestJS's logger, coloured or not",
	"pino_pretty":         "pino-pretty",
	"console":             "lines with a time and a level, as winston, log4js and console wrappers write them",
}

// A kind is one constant of kind.go.
type kind struct {
	name                  string
	about, sources, event string // about without the constant's name
}

// A group is one const block of kind.go.
type group struct {
	title string
	kinds []kind
}

// Markdown makes the document from the source of kind.go and a file system that
// holds the golden files as */*.golden.
func Markdown(source []byte, golden fs.FS) ([]byte, error) {
	groups, err := groupsOf(source)
	if err != nil {
		return nil, err
	}
	attributes, err := attributesOf(golden)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	b.WriteString("<!-- Written by go generate ./internal/kinddoc from kind.go and parsers/testdata. Do not edit. -->\n\n# What culprit reads\n\n")
	b.WriteString("A file's format is found from its content; `--source-type` names it where that goes wrong. A file may mix formats and change in the middle.\n\n| format | what it is |\n|---|---|\n")
	for _, name := range parsers.Formats() {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, formats[name])
	}
	b.WriteString("\n# What it makes of it\n\nA record that means something is an event of one of these kinds. The list is closed. Attributes are those that the samples of the project show;\n" +
		"a record has the ones that its text states.\n")
	for _, g := range groups {
		fmt.Fprintf(&b, "\n## %s\n", g.title)
		for _, k := range g.kinds {
			fmt.Fprintf(&b, "\n### `%s`\n\n%s\n\nFrom: %s", k.name, sentence(k.about), k.sources)
			if list := attributes[k.name]; len(list) > 0 {
				fmt.Fprintf(&b, "  \nAttributes: `%s`", strings.Join(list, "`, `"))
			}
			fmt.Fprintf(&b, "\n\n%s\n", fenced(k.event))
		}
	}
	return b.Bytes(), nil
}

// sentence begins s with a capital letter, if it begins with a word.
func sentence(s string) string {
	if s != "" && s[0] >= 'a' && s[0] <= 'z' && !strings.HasPrefix(s, "nginx") && !strings.HasPrefix(s, "systemd") && !strings.HasPrefix(s, "npm") &&
		!strings.HasPrefix(s, "journald") && !strings.HasPrefix(s, "supervisord") && !strings.HasPrefix(s, "cron") {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// fenced puts a sample into a fence that is longer than any in it.
func fenced(s string) string {
	fence := "```"
	for strings.Contains(s, fence) {
		fence += "`"
	}
	return fence + "\n" + s + "\n" + fence
}

// groupsOf reads the const blocks and their comments.
func groupsOf(source []byte) ([]group, error) {
	file, err := parser.ParseFile(token.NewFileSet(), "kind.go", source, parser.ParseComments)
	if err != nil {
		return nil, fmt.Errorf("read the kinds: %w", err)
	}
	var groups []group
	for _, d := range file.Decls {
		decl, ok := d.(*ast.GenDecl)
		if !ok || decl.Tok != token.CONST {
			continue
		}
		g := group{title: strings.TrimSuffix(strings.TrimSpace(decl.Doc.Text()), ".")}
		for _, s := range decl.Specs {
			v := s.(*ast.ValueSpec)
			k, err := kindOf(v)
			if err != nil {
				return nil, err
			}
			g.kinds = append(g.kinds, k)
		}
		groups = append(groups, g)
	}
	return groups, nil
}

func kindOf(v *ast.ValueSpec) (kind, error) {
	constant := v.Names[0].Name
	name, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
	if err != nil {
		return kind{}, fmt.Errorf("read %s: %w", constant, err)
	}
	k := kind{name: name}
	text := v.Doc.Text()
	about, rest, ok1 := strings.Cut(text, "\n\nSources: ")
	sources, sample, ok2 := strings.Cut(rest, "\n\nSample:")
	if !ok1 || !ok2 || !strings.HasPrefix(about, constant+": ") {
		return kind{}, fmt.Errorf("the comment of %s does not say what it is, its Sources and a Sample", constant)
	}
	k.about = strings.ReplaceAll(strings.TrimPrefix(about, constant+": "), "\n", " ")
	k.sources = strings.ReplaceAll(strings.TrimSpace(sources), "\n", " ")
	k.event = strings.Trim(sample, " \n")
	if strings.HasPrefix(k.event, "\t") { // a block
		k.event = strings.ReplaceAll("\n"+k.event, "\n\t", "\n")[1:]
	}
	return k, nil
}

// attributesOf collects the names of attributes by Kind.
func attributesOf(golden fs.FS) (map[string][]string, error) {
	paths, err := fs.Glob(golden, "*/*.golden")
	if err != nil {
		return nil, err
	}
	names := map[string][]string{}
	for _, path := range paths {
		b, err := fs.ReadFile(golden, path)
		if err != nil {
			return nil, err
		}
		for line := range bytes.Lines(b) {
			var r struct {
				Kind       string
				Attributes map[string]json.RawMessage
			}
			if err := json.Unmarshal(line, &r); err != nil {
				return nil, fmt.Errorf("read %s: %w", path, err)
			}
			for name := range r.Attributes {
				if !slices.Contains(names[r.Kind], name) {
					names[r.Kind] = append(names[r.Kind], name)
				}
			}
		}
	}
	for _, list := range names {
		slices.Sort(list)
	}
	return names, nil
}
