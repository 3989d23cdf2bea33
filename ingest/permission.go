package ingest

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"culprit"
)

// unreadable describes a file that could not be opened and how to mend that.
func unreadable(name, path string, err error) culprit.Gap {
	g := culprit.Gap{Source: name}
	switch {
	case errors.Is(err, fs.ErrPermission):
		g.Reason, g.Remedy = "this user may not read it", permissionRemedy(path)
	case errors.Is(err, syscall.ELOOP):
		g.Reason, g.Remedy = "a loop of symbolic links", "ls -l "+quote(path)
	case errors.Is(err, syscall.EIO):
		g.Reason, g.Remedy = "the disk does not give it back: "+reason(err), "sudo dmesg | grep -i error"
	default:
		g.Reason, g.Remedy = "could not be read: "+reason(err), "ls -l "+quote(path)
	}
	return g
}

// permissionRemedy returns the command that lets the user read path: joining
// the group that may, if there is one, else an access list.
func permissionRemedy(path string) string {
	// The file itself may be readable and a folder above it closed.
	for p := path; ; p = filepath.Dir(p) {
		fi, err := os.Stat(p)
		if err != nil {
			if p == filepath.Dir(p) {
				break
			}
			continue
		}
		want := fs.FileMode(0o040)
		if fi.IsDir() {
			want = 0o010
		}
		st, ok := fi.Sys().(*syscall.Stat_t)
		if ok && st.Gid != 0 && fi.Mode().Perm()&want != 0 {
			if g, err := user.LookupGroupId(strconv.FormatUint(uint64(st.Gid), 10)); err == nil {
				return "sudo usermod -aG " + g.Name + " $USER"
			}
		}
		break
	}
	return "sudo setfacl -R -m u:$USER:rX " + quote(path)
}

// reason returns the innermost cause of an error without the names around it.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// quote makes a word of a shell out of s.
func quote(s string) string {
	if s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+:@,=%", r))
	}) {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// identityOf returns device and inode of a file as text.
func identityOf(fi fs.FileInfo) string {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok {
		return ""
	}
	return strconv.FormatUint(uint64(st.Dev), 16) + ":" + strconv.FormatUint(st.Ino, 16) //nolint:unconvert // 32 bits on some systems
}

// Unreadable reports whether this user may not read a file or list a folder that
// is there, and how to mend that.
func Unreadable(path string) (culprit.Gap, bool) {
	fi, err := os.Stat(path)
	if err == nil && !fi.Mode().IsRegular() && !fi.IsDir() {
		return culprit.Gap{}, false // a pipe waits for a writer
	}
	if err == nil {
		var f *os.File
		if f, err = os.Open(path); err == nil {
			if fi.IsDir() {
				_, err = f.ReadDir(1)
				if errors.Is(err, io.EOF) {
					err = nil
				}
			}
			f.Close()
		}
	}
	if err == nil || errors.Is(err, fs.ErrNotExist) {
		return culprit.Gap{}, false
	}
	return unreadable(path, path, err), true
}
