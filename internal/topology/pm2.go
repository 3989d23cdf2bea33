package topology

import (
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"

	"culprit"
)

// readPM2 turns the apps of PM2's dump and of ecosystem files into services. The
// dump is what runs; an ecosystem file only adds what it does not have.
func (r *reader) readPM2() {
	slices.SortStableFunc(r.pm2, func(a, b string) int {
		return boolInt(path.Base(a) != "dump.pm2") - boolInt(path.Base(b) != "dump.pm2")
	})
	first := len(r.services)
	for _, name := range r.pm2 {
		data, ok := r.tree.read(name)
		if !ok {
			continue
		}
		apps, err := pm2Apps(name, data)
		if err != nil {
			r.tree.gap(name, fmt.Sprintf("PM2's configuration could not be understood: %v", err), "pm2 save")
			continue
		}
		for _, app := range apps {
			s := r.pm2Service(app, name)
			if s.Name == "" || len(r.services)-first >= maxPrograms {
				continue
			}
			at := slices.IndexFunc(r.services[first:], func(have culprit.Service) bool { return have.Name == s.Name })
			if at < 0 {
				r.services = append(r.services, s)
				continue
			}
			// Instances of one app: each adds its port and its logs.
			have := &r.services[first+at]
			for _, l := range s.Listen {
				if !slices.Contains(have.Listen, l) && have.File == s.File {
					have.Listen = append(have.Listen, l)
				}
			}
			for _, l := range s.Logs {
				if !slices.Contains(have.Logs, l) && have.File == s.File {
					have.Logs = append(have.Logs, l)
				}
			}
		}
	}
}

// pm2Apps returns the apps of a file: dump.pm2 and pm2 jlist are arrays, an
// ecosystem file is an object with "apps", as JSON or as JavaScript that is read
// and never run.
func pm2Apps(name string, data []byte) ([]map[string]any, error) {
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		if path.Base(name) == "dump.pm2" || path.Ext(name) == ".json" {
			return nil, fmt.Errorf("read JSON: %w", err)
		}
		v = readObjects(string(data))
	}
	if m, ok := v.(map[string]any); ok {
		if list, ok := m["apps"]; ok {
			v = list
		}
	}
	list, ok := v.([]any)
	if !ok {
		list = []any{v}
	}
	var apps []map[string]any
	for _, a := range list {
		if app, ok := a.(map[string]any); ok && len(apps) < maxPrograms {
			// pm2 jlist keeps most of it in pm2_env.
			if inner, ok := app["pm2_env"].(map[string]any); ok {
				for k, value := range inner {
					if _, have := app[k]; !have {
						app[k] = value
					}
				}
			}
			apps = append(apps, app)
		}
	}
	return apps, nil
}

func (r *reader) pm2Service(app map[string]any, file string) culprit.Service {
	text := func(keys ...string) string {
		for _, k := range keys {
			switch v := app[k].(type) {
			case string:
				return v
			case float64:
				return strconv.FormatFloat(v, 'f', -1, 64)
			case []any:
				var parts []string
				for _, e := range v {
					if s, ok := e.(string); ok {
						parts = append(parts, s)
					}
				}
				return strings.Join(parts, " ")
			}
		}
		return ""
	}
	s := culprit.Service{Manager: "pm2", Name: text("name"), User: text("username", "user", "uid"), File: r.tree.display(file)}
	s.Dir = text("pm_cwd", "cwd")
	script := text("pm_exec_path", "script")
	if s.Name == "" && script != "" {
		s.Name = stem(script) // PM2's own default
	}
	// PM2 reports a missing cwd as the folder of the ecosystem file.
	s.Command = strings.TrimSpace(strings.Join([]string{text("exec_interpreter", "interpreter"), text("node_args", "interpreter_args"), script, text("args")}, " "))
	s.Command = strings.Join(strings.Fields(s.Command), " ")
	for _, k := range []string{"pm_out_log_path", "out_file", "pm_err_log_path", "error_file", "log_file", "output", "error"} {
		v, _ := app[k].(string)
		if v != "" && v != "/dev/null" && v != "NULL" && !slices.Contains(s.Logs, v) {
			s.Logs = append(s.Logs, v)
		}
	}
	switch v := app["max_memory_restart"].(type) {
	case string:
		s.Memory, _ = parseSize(v)
		s.MemoryBy = "max_memory_restart=" + v
	case float64:
		if v > 0 && v < 1<<62 {
			s.Memory = int64(v)
			s.MemoryBy = fmt.Sprintf("max_memory_restart=%d", s.Memory)
		}
	}
	if v, ok := app["autorestart"].(bool); ok {
		s.Restart = fmt.Sprintf("autorestart=%t", v)
	}
	var limit []string
	for _, k := range []string{"max_restarts", "min_uptime"} {
		if v := text(k); v != "" {
			limit = append(limit, k+"="+v)
		}
	}
	s.StartLimit = strings.Join(limit, " ")
	env := environment{}
	for _, k := range []string{"env", "env_production"} {
		if m, ok := app[k].(map[string]any); ok {
			for name, value := range m {
				switch v := value.(type) {
				case string:
					env.set(name, v)
				case float64:
					env.set(name, strconv.FormatFloat(v, 'f', -1, 64))
				}
			}
		}
	}
	r.finish(&s, env, path.Dir(file))
	return s
}

// readObjects reads the object or array literal of a JavaScript configuration
// ("module.exports = {apps: [{name: 'api', max_memory_restart: '300M'}]}") without
// running it. What is not a plain value (a call, a condition, a template with
// variables) becomes nil; "process.env.PORT || 3000" becomes its default.
func readObjects(src string) any {
	p := &jsReader{src: src}
	if at := strings.Index(src, "apps"); at >= 0 {
		rest := strings.TrimLeft(src[at+4:], " \t\r\n'\"")
		if strings.HasPrefix(rest, ":") || strings.HasPrefix(rest, "=") {
			p.pos = len(src) - len(rest) + 1
			p.space()
			if v, ok := p.value(0).([]any); ok {
				return map[string]any{"apps": v}
			}
			p.pos = 0
		}
	}
	for _, mark := range []string{"module.exports", "export default"} {
		if at := strings.Index(src, mark); at >= 0 {
			p.pos = at + len(mark)
			p.space()
			if p.peek() == '=' {
				p.pos++
			}
			return p.value(0)
		}
	}
	return nil
}

type jsReader struct {
	src   string
	pos   int
	count int
}

const maxValues = 50_000

func (p *jsReader) peek() byte {
	if p.pos < len(p.src) {
		return p.src[p.pos]
	}
	return 0
}

// space passes over blanks and comments.
func (p *jsReader) space() {
	for p.pos < len(p.src) {
		rest := p.src[p.pos:]
		switch {
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\n' || rest[0] == '\r':
			p.pos++
		case strings.HasPrefix(rest, "//"):
			if i := strings.IndexByte(rest, '\n'); i >= 0 {
				p.pos += i
			} else {
				p.pos = len(p.src)
			}
		case strings.HasPrefix(rest, "/*"):
			if i := strings.Index(rest[2:], "*/"); i >= 0 {
				p.pos += i + 4
			} else {
				p.pos = len(p.src)
			}
		default:
			return
		}
	}
}

// value reads a value and leaves off at the comma or bracket that ends it.
func (p *jsReader) value(depth int) any {
	p.space()
	if p.count++; p.count > maxValues || depth > maxNesting {
		p.pos = len(p.src)
		return nil
	}
	var v any
	switch p.peek() {
	case '{':
		v = p.object(depth)
	case '[':
		v = p.array(depth)
	case '"', '\'', '`':
		v = p.text()
	}
	p.space()
	if p.ended() {
		return v
	}
	return p.expression(v)
}

func (p *jsReader) ended() bool {
	return p.pos >= len(p.src) || strings.IndexByte(",}]);", p.src[p.pos]) >= 0
}

// expression passes over what follows up to the end of the value, and returns
// the last plain value after || or ??, or a plain number or boolean.
func (p *jsReader) expression(v any) any {
	start, open, alternative := p.pos, 0, false
	var fallback any
	for p.pos < len(p.src) {
		rest := p.src[p.pos:]
		switch c := rest[0]; {
		case c == '(' || c == '[' || c == '{':
			open++
			p.pos++
		case (c == ')' || c == ']' || c == '}') && open > 0:
			open--
			p.pos++
		case open == 0 && (p.ended() || c == '\n' && v == nil && p.lineEnds()):
			return p.plain(p.src[start:p.pos], fallback)
		case c == '"' || c == '\'' || c == '`':
			if text := p.text(); open == 0 && alternative {
				fallback = text
			}
		case strings.HasPrefix(rest, "//") || strings.HasPrefix(rest, "/*"):
			p.space()
		case open == 0 && (strings.HasPrefix(rest, "||") || strings.HasPrefix(rest, "??")):
			alternative = true
			p.pos += 2
		default:
			p.pos++
		}
	}
	return p.plain(p.src[start:p.pos], fallback)
}

// lineEnds says whether the next line closes the object: "key: value" without
// a comma before "}".
func (p *jsReader) lineEnds() bool {
	rest := strings.TrimLeft(p.src[p.pos:min(len(p.src), p.pos+256)], " \t\r\n")
	return rest != "" && (rest[0] == '}' || rest[0] == ']')
}

func (p *jsReader) plain(text string, fallback any) any {
	if fallback != nil {
		return fallback
	}
	if len(text) > 256 {
		return nil
	}
	text = strings.TrimSpace(text)
	for _, or := range []string{"||", "??"} {
		if at := strings.LastIndex(text, or); at >= 0 {
			text = strings.TrimSpace(text[at+2:])
		}
	}
	switch text {
	case "true":
		return true
	case "false":
		return false
	}
	if n, err := strconv.ParseFloat(strings.ReplaceAll(text, "_", ""), 64); err == nil && n == n && n < 1e18 && n > -1e18 {
		return n
	}
	return nil
}

func (p *jsReader) object(depth int) map[string]any {
	m := map[string]any{}
	p.pos++
	for {
		p.space()
		switch c := p.peek(); {
		case p.pos >= len(p.src):
			return m
		case c == '}':
			p.pos++
			return m
		case c == ',' || c == ';' || c == ')' || c == ']':
			p.pos++
			continue
		}
		key := p.key()
		p.space()
		if p.peek() != ':' { // a spread, a method, a shorthand
			before := p.pos
			p.expression(nil)
			if p.pos == before {
				p.pos++
			}
			continue
		}
		p.pos++
		if v := p.value(depth + 1); v != nil && key != "" && len(m) < 1_000 {
			m[key] = v
		}
		if p.count > maxValues {
			return m
		}
	}
}

func (p *jsReader) array(depth int) []any {
	list := []any{}
	p.pos++
	for {
		p.space()
		switch c := p.peek(); {
		case p.pos >= len(p.src):
			return list
		case c == ']':
			p.pos++
			return list
		case c == ',' || c == ';' || c == ')' || c == '}':
			p.pos++
			continue
		}
		before := p.pos
		if v := p.value(depth + 1); v != nil {
			list = append(list, v)
		}
		if p.pos == before {
			p.pos++
		}
	}
}

func (p *jsReader) key() string {
	if c := p.peek(); c == '"' || c == '\'' {
		s, _ := p.text().(string)
		return s
	}
	start := p.pos
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		if c != '_' && c != '$' && c != '-' && (c < '0' || c > '9') && (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') {
			break
		}
		p.pos++
	}
	return p.src[start:p.pos]
}

// text reads a string; a template with a variable in it is none.
func (p *jsReader) text() any {
	quote := p.src[p.pos]
	p.pos++
	var b strings.Builder
	whole := true
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		p.pos++
		switch {
		case c == quote:
			if !whole {
				return nil
			}
			return b.String()
		case c == '\\' && p.pos < len(p.src):
			b.WriteByte(p.src[p.pos])
			p.pos++
		case c == '$' && quote == '`' && p.peek() == '{':
			whole = false
		case c == '\n' && quote != '`':
			return nil // an unfinished string
		default:
			b.WriteByte(c)
		}
	}
	return nil
}
