package logsample_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"

	"culprit/internal/logsample"
)

// records returns n records and where each begins.
func records(t testing.TB, kind string, seed uint64, n int) ([]byte, []int) {
	t.Helper()
	g, err := logsample.New(kind, seed)
	if err != nil {
		t.Fatal(err)
	}
	var all []byte
	var starts []int
	for range n {
		starts = append(starts, len(all))
		all = g.Append(all)
	}
	return all, starts
}

// TestSameForSeed pins the bytes: a benchmark of today must compare with one of
// last year. A change of the generator changes the sums here, on purpose.
func TestSameForSeed(t *testing.T) {
	want := map[string]string{
		logsample.NginxError:    "7a6d272e023966d7",
		logsample.NginxAccess:   "f5b3f958ee020a75",
		logsample.JournalExport: "35814683c6994bb5",
		logsample.NodeTrace:     "dc475c2693ef44bc",
	}
	for _, kind := range logsample.Kinds() {
		all, _ := records(t, kind, 1, 10_000)
		sum := sha256.Sum256(all)
		if got := hex.EncodeToString(sum[:8]); got != want[kind] {
			t.Errorf("%s: got %s, want %s", kind, got, want[kind])
		}
		if other, _ := records(t, kind, 2, 10_000); bytes.Equal(other, all) {
			t.Errorf("%s: another seed gives the same", kind)
		}
	}
}

func TestShape(t *testing.T) {
	shapes := map[string]*regexp.Regexp{
		logsample.NginxError:    regexp.MustCompile(`^2026/11/22 \d\d:\d\d:\d\d \[(error|warn)\] 1485#1485: \*\d+ [^\n]+, client: (203\.0\.113|198\.51\.100)\.\d+, server: [a-z.]+, request: "[A-Z]+ /[^ ]* HTTP/1\.1"(, upstream: "http://[^"]+")?, host: "[a-z.]+"(, referrer: "[^"]+")?\n$`),
		logsample.NginxAccess:   regexp.MustCompile(`^[\d.]+ - - \[22/Nov/2026:\d\d:\d\d:\d\d \+0000\] "[A-Z]+ /[^ ]* HTTP/1\.1" \d{3} \d+ "-" "[^"]+"\n$`),
		logsample.JournalExport: regexp.MustCompile(`^__CURSOR=[^\n]+\n__REALTIME_TIMESTAMP=\d{16}\n(?:_*[A-Z_]+=[^\n]*\n)+MESSAGE=[^\n]+\n\n$`),
		logsample.NodeTrace:     regexp.MustCompile(`^(\[Nest\] 1485  - 11/22/2026, \d+:\d\d:\d\d [AP]M     LOG [^\n]+\n|(?s:.*Error: .*\n    at .*))$`),
	}
	for kind, shape := range shapes {
		all, starts := records(t, kind, 3, 5_000)
		starts = append(starts, len(all))
		for i := range len(starts) - 1 {
			if r := all[starts[i]:starts[i+1]]; !shape.Match(r) {
				t.Fatalf("%s: record %d is %q", kind, i, r)
			}
		}
	}
}

// TestNginxErrorSize: figures are stated for lines of 295 bytes.
func TestNginxErrorSize(t *testing.T) {
	all, starts := records(t, logsample.NginxError, 1, 100_000)
	if mean := float64(len(all)) / float64(len(starts)); mean < 293 || mean > 297 {
		t.Errorf("%.1f bytes a line", mean)
	}
	refused := strings.Count(string(all), "(111: Connection refused)")
	if share := float64(refused) / float64(len(starts)); share < 0.75 || share > 0.9 {
		t.Errorf("%.2f of the lines are refusals", share)
	}
}

func TestUnknownKind(t *testing.T) {
	if _, err := logsample.New("apache", 1); !errors.Is(err, logsample.ErrUnknownKind) {
		t.Errorf("got %v", err)
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, kind := range logsample.Kinds() {
		b.Run(kind, func(b *testing.B) {
			g, err := logsample.New(kind, 1)
			if err != nil {
				b.Fatal(err)
			}
			var line []byte
			size := int64(0)
			b.ReportAllocs()
			for b.Loop() {
				line = g.Append(line[:0])
				size += int64(len(line))
			}
			b.SetBytes(size / int64(b.N))
		})
	}
}
