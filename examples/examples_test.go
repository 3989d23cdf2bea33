package examples_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"culprit/examples"
)

// TestAll: every folder here is an example, and what it writes is what it holds.
func TestAll(t *testing.T) {
	entries, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	folders := 0
	for _, e := range entries {
		if e.IsDir() {
			folders++
		}
	}
	if folders != len(examples.All) {
		t.Errorf("%d folders, %d examples", folders, len(examples.All))
	}
	for _, e := range examples.All {
		dir := filepath.Join(t.TempDir(), "logs")
		if err := e.Write(dir); err != nil {
			t.Fatal(err)
		}
		from := os.DirFS(filepath.Join(e.Name, "logs"))
		n := 0
		err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			n++
			want, err := fs.ReadFile(from, name)
			if err != nil {
				return err
			}
			got, err := os.ReadFile(filepath.Join(dir, name))
			if err == nil && !bytes.Equal(got, want) {
				t.Errorf("%s/%s differs", e.Name, name)
			}
			return err
		})
		if err != nil || n == 0 {
			t.Errorf("%s: %d files: %v", e.Name, n, err)
		}
		if err := e.Write(dir); err == nil {
			t.Errorf("%s: files were written over", e.Name)
		}
	}
}
