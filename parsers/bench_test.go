package parsers

import (
	"bytes"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"culprit"
)

// errorLines makes n lines of nginx's error log of about 295 bytes, as they
// stand in an outage: the same failure again and again with other requests.
func errorLines(n int) []byte {
	var b bytes.Buffer
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, "%s [error] 287#287: *%d connect() failed (111: Connection refused) while connecting to upstream, client: 203.0.113.%d, server: shop.example.com, request: \"GET /api/products/%d?page=%d HTTP/1.1\", upstream: \"http://127.0.0.1:3000/api/products/%d?page=%d\", host: \"shop.example.com\", referrer: \"https://shop.example.com/\"\n",
			at.Add(time.Duration(i)*5*time.Millisecond).Format("2006/01/02 15:04:05"), 100000+i, i%250, i, i%9, i, i%9)
	}
	return b.Bytes()
}

func accessLines(n int) []byte {
	var b bytes.Buffer
	at := time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC)
	for i := range n {
		fmt.Fprintf(&b, "203.0.113.%d - - [%s] \"GET /api/products/%d?page=%d HTTP/1.1\" 502 157 \"https://shop.example.com/\" \"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36\" rt=0.%03d uct=\"0.002\" uht=\"0.755\" urt=\"0.755\" ua=\"127.0.0.1:4000\" us=\"502\"\n",
			i%250, at.Add(time.Duration(i)*5*time.Millisecond).Format("02/Jan/2006:15:04:05 -0700"), i, i%9, i%1000)
	}
	return b.Bytes()
}

func benchmarkStream(b *testing.B, o Options, data []byte) {
	lines := bytes.Count(data, []byte("\n"))
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	b.ResetTimer()
	records, cpu := 0, cpuTime()
	for b.Loop() {
		records = run(o, data)
	}
	b.ReportMetric(float64(cpuTime()-cpu)/float64(b.N)/float64(lines), "cpu-ns/line")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(lines), "ns/line")
	b.ReportMetric(float64(records), "records")
}

// cpuTime is the processor time of the process so far: on a machine that others
// use too, elapsed time says little.
func cpuTime() int64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return u.Utime.Nano()
}

// run pushes data through a stream and returns how many records came out.
func run(o Options, data []byte) int {
	s := NewStream(o)
	n := 0
	emit := func(*culprit.Record) { n++ }
	off := int64(0)
	for no := 1; len(data) > 0; no++ {
		i := bytes.IndexByte(data, '\n')
		if i < 0 {
			i = len(data) - 1
		}
		end := off + int64(i) + 1
		s.Push(Line{Text: data[:i], No: no, Start: culprit.Position{Offset: off}, End: culprit.Position{Offset: end}}, emit)
		data, off = data[i+1:], end
	}
	s.Close(emit)
	return n
}

func BenchmarkNginxError(b *testing.B)  { benchmarkStream(b, Options{}, errorLines(2000)) }
func BenchmarkNginxAccess(b *testing.B) { benchmarkStream(b, Options{}, accessLines(2000)) }

func BenchmarkNginxErrorZone(b *testing.B) {
	loc, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		b.Skip(err)
	}
	benchmarkStream(b, Options{Zone: ZoneOf(loc)}, errorLines(2000))
}

func BenchmarkNginxAccessLogFormat(b *testing.B) {
	benchmarkStream(b, Options{LogFormat: []string{`$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" rt=$request_time uct="$upstream_connect_time" uht="$upstream_header_time" urt="$upstream_response_time" ua="$upstream_addr" us="$upstream_status"`}}, accessLines(2000))
}

// BenchmarkSyslog is a busy machine's syslog: many programs, few events.
func BenchmarkSyslog(b *testing.B) {
	var text bytes.Buffer
	for i := range 2000 {
		fmt.Fprintf(&text, "Nov 22 10:%02d:%02d web1 %s[%d]: request %d handled in %d ms, cache %d of 4096 entries\n", i/1200%60, i/20%60, []string{"app", "worker", "postfix/smtpd", "dbus-daemon"}[i%4], 400+i%9, i, i%77, i%4096)
	}
	benchmarkStream(b, Options{Ref: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)}, text.Bytes())
}

// BenchmarkGolden runs every golden input, to see which topic is slow.
func BenchmarkGolden(b *testing.B) {
	for _, log := range goldenLogs(b) {
		b.Run(filepath.Base(filepath.Dir(log.path))+"/"+filepath.Base(log.path), func(b *testing.B) { benchmarkStream(b, Options{}, log.data) })
	}
}
