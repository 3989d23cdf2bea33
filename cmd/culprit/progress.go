package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/term"

	"culprit/internal/terminal"
)

// A progress shows how far a reading is, in one line of a terminal.
type progress struct {
	w       io.Writer // nil if it is no terminal
	name    string
	size    int64
	records int64
	begun   time.Time
	shown   time.Time
}

func newProgress(w io.Writer) *progress {
	if f, ok := w.(*os.File); !ok || !term.IsTerminal(int(f.Fd())) {
		return &progress{}
	}
	return &progress{w: w, begun: time.Now()}
}

// begin names the file that is read; size is 0 if it is not known.
func (p *progress) begin(name string, size int64) {
	p.name, p.size = filepath.Base(name), size
}

// add counts a record that ends at an offset.
func (p *progress) add(offset int64) {
	p.records++
	if p.w == nil || p.records%4096 != 0 {
		return
	}
	now := time.Now()
	if now.Sub(p.shown) < 200*time.Millisecond {
		return
	}
	p.shown = now
	done := ""
	if p.size > 0 && offset > 0 && offset <= p.size { // a compressed file is longer than it looks
		done = fmt.Sprintf("  %d %%", 100*offset/p.size)
	}
	rate := float64(p.records) / max(now.Sub(p.begun).Seconds(), 0.001)
	fmt.Fprintf(p.w, "\r\x1b[K%s%s  %d records  %.0f/s", terminal.Clip(terminal.EscapeLine(p.name), 40), done, p.records, rate)
}

// clear removes the line.
func (p *progress) clear() {
	if p.w != nil && !p.shown.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
