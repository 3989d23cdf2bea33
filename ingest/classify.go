package ingest

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"

	"culprit/parsers"
)

// A content is what a sample of a file looks like.
type content uint8

const (
	contentEmpty   content = iota
	contentLog             // a parser knows its lines
	contentText            // text that no parser knows
	contentBinary          //
	contentJournal         // a systemd journal file
	contentExport          // journalctl -o export
	contentTar
	contentZip
)

const (
	journalMagic = "LPKSHHRH"  // of a journal file
	exportMagic  = "__CURSOR=" // the first field that journalctl -o export prints
)

// classify looks at the decoded beginning of a file. The format is the one of
// the lines that parsers know, "" if there are none.
func classify(head []byte) (c content, format string) {
	switch {
	case len(head) == 0:
		return contentEmpty, ""
	case bytes.HasPrefix(head, []byte(journalMagic)):
		return contentJournal, ""
	case bytes.HasPrefix(head, []byte("PK\x03\x04")), bytes.HasPrefix(head, []byte("PK\x05\x06")):
		return contentZip, ""
	case isTar(head):
		return contentTar, ""
	case bytes.HasPrefix(head, []byte(exportMagic)):
		return contentExport, ""
	}
	body := bytes.TrimLeft(head, "\x00") // the hole that copytruncate leaves
	if len(body) == 0 {
		return contentBinary, ""
	}
	if isBinary(body) {
		return contentBinary, ""
	}
	if f, _ := parsers.Detect(body); f != "" {
		return contentLog, f
	}
	return contentText, ""
}

// isTar reports whether head begins with a tar header: the magic of POSIX and
// GNU archives at byte 257.
func isTar(head []byte) bool {
	return len(head) >= 263 && bytes.Equal(head[257:262], []byte("ustar"))
}

// isBinary reports whether a sample is no text: many bytes that neither text nor
// a terminal's colours have. A single stray NUL does not make a log binary.
func isBinary(b []byte) bool {
	odd := 0
	for i := 0; i < len(b); {
		c := b[i]
		if c < utf8.RuneSelf {
			if c < 0x20 && c != '\n' && c != '\t' && c != '\r' && c != 0x1b && c != '\f' && c != '\b' || c == 0x7f {
				odd++
			}
			i++
			continue
		}
		// Bytes of Latin-1 and the like are no UTF-8 and still text; count them as a quarter.
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 && i+utf8.UTFMax <= len(b) {
			if i%4 == 0 {
				odd++
			}
		}
		i += n
	}
	return odd*20 > len(b)
}

// configDirs are names of folders whose files configure something, whatever
// their lines look like.
var configDirs = map[string]bool{
	"config": true, "conf": true, "conf.d": true, "etc": true, "sites-enabled": true, "sites-available": true, "vhost": true,
	"vhosts": true, "profile": true, "systemd": true, "system": true, "logrotate.d": true, "modules-enabled": true,
}

// configExts are endings of files that are never logs.
var configExts = map[string]bool{
	".conf": true, ".cnf": true, ".ini": true, ".service": true, ".socket": true, ".timer": true, ".target": true, ".mount": true, ".slice": true,
	".path": true, ".yml": true, ".yaml": true, ".toml": true, ".js": true, ".cjs": true, ".mjs": true, ".ts": true, ".env": true, ".sh": true, ".pm2": true,
	".pid": true, ".lock": true, ".md": true, ".html": true, ".css": true, ".py": true,
}

var configNames = map[string]bool{
	"package.json": true, "package-lock.json": true, "ecosystem.config.json": true, "config.v2.json": true, "hostconfig.json": true, "tsconfig.json": true,
	"dockerfile": true, "compose.json": true, "nest-cli.json": true, "truth.json": true, "timezone": true, "hosts": true, "os-release": true, "proxy_params": true,
}

// isConfig says from its name whether a file configures something. A folder
// counts only below the path that was asked for or as that path itself.
func isConfig(rel string) bool {
	base := strings.ToLower(filepath.Base(rel))
	if configNames[base] || configExts[filepath.Ext(base)] || strings.HasPrefix(base, ".env") || strings.HasPrefix(base, "logrotate") {
		return true
	}
	for d := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(rel)), "/") {
		if configDirs[strings.ToLower(d)] {
			return true
		}
	}
	return false
}

var (
	logName = regexp.MustCompile(`(?i)(^|[._-])(logs?|err|error|errors|out|stdout|stderr|access|console|trace|output)($|[._-])` +
		`|^(syslog|messages|kern|auth|daemon|user|debug|dmesg)(\.|$)|---supervisor-`)
	rotated = regexp.MustCompile(`(?i)(\.(gz|zst|bz2|xz)|[.-]\d{1,3}|[.-]1\d{9}|[.-]20\d{6}(-?\d{2,6})?|[._-]20\d\d-\d\d-\d\d([T_-][\d-]{2,8})?|\.(old|bak|orig|prev|save|backup|copy)|~)$`)
	dated   = regexp.MustCompile(`[._-]20\d\d-?\d\d-?\d\d([T_-]?[\d-]{2,8})?$`)
)

// isLogName says from its name whether a text file is a log that just has no
// envelope on its lines, such as the stderr of a Node program.
func isLogName(rel string) bool {
	if logName.MatchString(filepath.Base(rel)) {
		return true
	}
	for d := range strings.SplitSeq(filepath.ToSlash(filepath.Dir(rel)), "/") {
		switch strings.ToLower(d) {
		case "log", "logs", "wwwlogs", "apps":
			return true
		}
	}
	return false
}

// family returns the name that a log and its rotated predecessors share:
// error.log of error.log.2.gz, error.log-20261122 and error-2026-11-22.log.
func family(name string) string {
	for {
		cut := rotated.ReplaceAllString(name, "")
		if cut == name || cut == "" {
			break
		}
		name = cut
	}
	if ext := filepath.Ext(name); ext == ".log" {
		if stem := strings.TrimSuffix(name, ext); stem != "" {
			if cut := dated.ReplaceAllString(stem, ""); cut != "" {
				return cut + ext
			}
		}
	}
	return name
}
