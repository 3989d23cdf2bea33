package store

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"culprit"
)

// isFull reports whether an error says that the disk is full.
func isFull(err error) bool {
	return errors.Is(err, culprit.ErrDiskFull) || errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT)
}

// fillBallast writes the ballast file, unless it is there or the disk has not
// several times its size left. On a full disk SQLite can neither delete nor write
// back its log; removing the ballast gives it the room for that.
func (s *Store) fillBallast() error {
	if s.opts.Ballast < 0 {
		return nil
	}
	name := s.path("ballast")
	if info, err := os.Stat(name); err == nil && info.Size() >= s.opts.Ballast {
		return nil
	}
	if free, err := freeSpace(s.dir); err != nil || free < 4*s.opts.Ballast {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write ballast: %w", err)
	}
	// Random bytes, for file systems that compress.
	buf := make([]byte, 64<<10)
	_, _ = rand.Read(buf)
	for left := s.opts.Ballast; left > 0 && err == nil; left -= int64(len(buf)) {
		_, err = f.Write(buf[:min(left, int64(len(buf)))])
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(fmt.Errorf("write ballast: %w", err), os.Remove(name))
	}
	return nil
}

// dropBallast gives the room of the ballast file back.
func (s *Store) dropBallast() error {
	if err := os.Remove(s.path("ballast")); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("remove ballast: %w", err)
	}
	return nil
}

// freeSpace returns the bytes that are left for this user on the disk of a folder.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for free space: %w", err)
	}
	return int64(st.Bavail) * int64(st.Bsize), nil //nolint:unconvert // 32 bits on some systems
}
