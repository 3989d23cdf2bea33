package parsers

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"culprit"
	"culprit/internal/logsample"
)

// sampleRecords is how many records a sample has: several megabytes, so that
// a crash, an hour of the clock and a new release come up in it.
const sampleRecords = 20_000

// BenchmarkStream reads what logsample makes, which is like what busy machines
// write, through everything from bytes to events. Times are of the processor:
// on a machine that others use too, elapsed time says little.
func BenchmarkStream(b *testing.B) {
	for _, kind := range logsample.Kinds() {
		g, err := logsample.New(kind, 1)
		if err != nil {
			b.Fatal(err)
		}
		var data []byte
		for range sampleRecords {
			data = g.Append(data)
		}
		read := func() int { return run(Options{}, data) }
		if kind == logsample.JournalExport {
			read = func() int { return runEntries(b, data) }
		}
		b.Run(kind, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			records, lines, before := 0, bytes.Count(data, []byte("\n")), cpuTime()
			for b.Loop() {
				records = read()
			}
			seconds := float64(cpuTime()-before) / 1e9 / float64(b.N)
			b.ReportMetric(float64(records)/seconds, "records/cpu-s")
			b.ReportMetric(float64(lines)/seconds, "lines/cpu-s")
			b.ReportMetric(float64(len(data))/1e6/seconds, "MB/cpu-s")
		})
	}
}

// runEntries pushes the entries of a journal's export through a stream and
// returns how many records came out.
func runEntries(tb testing.TB, data []byte) int {
	s := NewStream(Options{})
	n := 0
	emit := func(*culprit.Record) { n++ }
	r := NewExportReader(bytes.NewReader(data))
	var j JournalEntry
	for {
		err := r.Next(&j)
		if errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			tb.Fatal(err)
		}
		s.Push(j.Line(), emit)
	}
	s.Close(emit)
	return n
}
