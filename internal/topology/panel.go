package topology

import (
	"path"
	"slices"
	"strings"

	"culprit"
)

// readPanelScripts turns the scripts with which aaPanel starts Node projects
// (vhost/scripts/NAME.sh) into services: they export the environment, change
// into the project's folder and start it with nohup.
func (r *reader) readPanelScripts() {
	for _, name := range r.scripts {
		data, ok := r.tree.read(name)
		if !ok {
			continue
		}
		s := culprit.Service{Name: stem(name), File: r.tree.display(name)}
		env := environment{}
		for line := range strings.Lines(string(data)) {
			line = strings.TrimSpace(line)
			if line == "" || line[0] == '#' {
				continue
			}
			words := splitWords(line)
			switch {
			case len(words) == 2 && words[0] == "cd":
				s.Dir = words[1]
			case words[0] == "nohup":
				s.Command, s.Logs = nohup(words[1:])
			case words[0] == "export":
				env.addAssignments(strings.TrimPrefix(line, "export"))
			case len(words) == 1:
				env.addAssignments(line)
			}
		}
		if v := env["NODE_PROJECT_NAME"]; v != "" {
			s.Name = v
		}
		if s.Command == "" {
			continue
		}
		r.finish(&s, env, path.Dir(name))
		r.services = append(r.services, s)
	}
}

// nohup splits the words after nohup into the command and the files that its
// output goes to.
func nohup(words []string) (command string, logs []string) {
	for i := 0; i < len(words); i++ {
		w := words[i]
		at := strings.IndexByte(w, '>')
		switch {
		case w == "&":
		case at < 0:
			command = strings.TrimSpace(command + " " + w)
		default:
			file := strings.TrimLeft(w[at:], ">")
			if file == "" && i+1 < len(words) {
				i++
				file = words[i]
			}
			if strings.HasPrefix(file, "/") && file != "/dev/null" && !slices.Contains(logs, file) {
				logs = append(logs, file)
			}
		}
	}
	return command, logs
}
