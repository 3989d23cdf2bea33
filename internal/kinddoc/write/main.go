// Command write writes docs/formats.md. It is run by go generate in the folder
// above.
package main

import (
	"fmt"
	"os"

	"culprit/internal/kinddoc"
)

func main() {
	if err := write(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func write() error {
	source, err := os.ReadFile("../../kind.go")
	if err != nil {
		return err
	}
	doc, err := kinddoc.Markdown(source, os.DirFS("../../parsers/testdata"))
	if err != nil {
		return err
	}
	return os.WriteFile("../../docs/formats.md", doc, 0o644)
}
