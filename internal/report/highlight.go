package report

import (
	"regexp"
	"unicode/utf8"
)

// telling are the words in known lines that carry the proof. They are shown in
// bold; nothing is decided by them.
var telling = regexp.MustCompile(`(?i)` +
	`Killed process \d+ \([^)\n]{1,40}\)|usage \d+kB, limit \d+kB|\boom-kill(?:er)?\b|killed by the OOM killer|due to memory pressure` +
	`|(?:connect|recv|send|readv?|writev?|bind)\(\) (?:to \S{1,80} )?failed \(\d+: [^)\n]{1,60}\)` +
	`|upstream timed out \(110: [^)\n]{1,40}\)|upstream prematurely closed connection|no live upstreams|upstream sent (?:too big|invalid) header|could not be resolved|host not found in upstream` +
	`|Cannot find (?:module|package) '[^'\n]{1,200}'|ERR_[A-Z_]{3,60}|MODULE_NOT_FOUND|Can't resolve dependencies of the [^\n]{1,80}\)` +
	`|\bE(?:ADDRINUSE|CONNREFUSED|CONNRESET|TIMEDOUT|ACCES|NOSPC|MFILE|NFILE|NOENT|PERM|PIPE|HOSTUNREACH)\b` +
	`|FATAL ERROR: [^\n]{1,80}heap out of memory|JavaScript heap out of memory|Reached heap limit` +
	`|code=(?:killed|exited|dumped), status=\S{1,20}|Failed with result '[^'\n]{1,40}'|Start request repeated too quickly` +
	`|terminated by SIG[A-Z]{2,6}|exit status \d+|entered FATAL state|gave up: \S{1,60}|exceeded allocated memory limit|consuming too much memory` +
	`|segfault at [0-9a-f]+|No space left on device|Too many open files|worker_connections are not enough|table full, dropping packet|Possible SYN flooding` +
	`|(?:TypeError|RangeError|ReferenceError|SyntaxError): [^\n]{1,120}|Missing required environment variable \S{1,60}` +
	`|COMMAND=[^\n]{1,120}|Stopping \S{1,80}\.service`)

// maxMarked bounds how far into a line marks are looked for.
const maxMarked = 4096

// Marks returns the parts of a verbatim line to set in bold, as byte offsets in
// order and apart from one another.
func Marks(line string) [][2]int {
	if len(line) > maxMarked {
		end := maxMarked
		for end > 0 && !utf8.RuneStart(line[end]) {
			end--
		}
		line = line[:end]
	}
	var marks [][2]int
	for _, m := range telling.FindAllStringIndex(line, 8) {
		marks = append(marks, [2]int{m[0], m[1]})
	}
	return marks
}
