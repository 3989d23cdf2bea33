// Command write writes docs/formats.md. It is run by go generate in the folder
// above.
package main

import (
	"log"
	"os"

	"culprit/internal/kinddoc"
)

func main() {
	source, err := os.ReadFile("../../kind.go")
	if err != nil {
		log.Fatal(err)
	}
	doc, err := kinddoc.Markdown(source, os.DirFS("../../parsers/testdata"))
	if err != nil {
		log.Fatal(err)
	}
	if err := os.WriteFile("../../docs/formats.md", doc, 0o644); err != nil {
		log.Fatal(err)
	}
}
