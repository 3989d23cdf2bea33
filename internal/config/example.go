package config

import _ "embed"

// Example is an annotated configuration file that sets everything to its default
// or shows a sample in a comment.
//
//go:embed example.yaml
var Example string
