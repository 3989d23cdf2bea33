package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"culprit"
)

func newServeCommand(f *flags) *cobra.Command {
	return &cobra.Command{
		Use:   "serve",
		Short: "Follow this machine's logs, tell incidents as they happen, serve the pages",
		Args:  cobra.NoArgs,
		RunE:  func(cmd *cobra.Command, _ []string) error { return serve(cmd, f) },
	}
}

// serve wires the parts of the service.
func serve(_ *cobra.Command, _ *flags) error {
	return fmt.Errorf("the service is not wired yet: %w", culprit.ErrUnavailable)
}
