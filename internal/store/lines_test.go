package store_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"
	"unsafe"

	"culprit"
)

// lines makes nginx error lines of an outage, the same for the same seed: three
// sites, three upstreams, four workers, varied paths and clients.
type lines struct {
	r     *rand.Rand
	now   time.Time
	conn  int
	stamp []byte
	every int // lines a second
	files int
	conns []int // of each 1000th line
	n     int
}

func newLines(seed uint64) *lines {
	return &lines{r: rand.New(rand.NewPCG(seed, 1)), now: time.Date(2026, 11, 22, 8, 0, 0, 0, time.UTC), conn: 1000, every: 300}
}

var (
	linePaths   = []string{"products", "cart", "orders", "recommendations", "users", "checkout", "search", "invoices"}
	lineServers = []string{"shop.example.com", "books.example.com", "admin.example.com"}
	lineMethods = []string{"GET", "GET", "GET", "POST", "DELETE"}
	lineFaults  = []struct{ text, phase string }{
		{"connect() failed (111: Connection refused)", "connecting to upstream"},
		{"connect() failed (111: Connection refused)", "connecting to upstream"},
		{"recv() failed (104: Connection reset by peer)", "reading response header from upstream"},
		{"upstream timed out (110: Connection timed out)", "reading response header from upstream"},
	}
)

// append writes the next line, without its newline.
func (l *lines) append(dst []byte) []byte {
	if l.r.IntN(l.every) == 0 || l.stamp == nil {
		l.now = l.now.Add(time.Second)
		l.stamp = l.now.AppendFormat(l.stamp[:0], "2006/01/02 15:04:05")
	}
	l.conn += l.r.IntN(3) + 1
	if l.n%1000 == 0 {
		l.conns = append(l.conns, l.conn)
	}
	l.n++
	pid := int64(287 + l.r.IntN(4))
	path := linePaths[l.r.IntN(len(linePaths))]
	id := int64(l.r.IntN(10000))
	server := lineServers[l.r.IntN(len(lineServers))]
	fault := lineFaults[l.r.IntN(len(lineFaults))]
	dst = append(dst, l.stamp...)
	dst = append(dst, " [error] "...)
	dst = strconv.AppendInt(dst, pid, 10)
	dst = append(dst, '#')
	dst = strconv.AppendInt(dst, pid, 10)
	dst = append(dst, ": *"...)
	dst = strconv.AppendInt(dst, int64(l.conn), 10)
	dst = append(dst, ' ')
	dst = append(dst, fault.text...)
	dst = append(dst, " while "...)
	dst = append(dst, fault.phase...)
	dst = append(dst, ", client: 203.0."...)
	dst = strconv.AppendInt(dst, int64(113+l.r.IntN(2)), 10)
	dst = append(dst, '.')
	dst = strconv.AppendInt(dst, int64(l.r.IntN(254)), 10)
	dst = append(dst, ", server: "...)
	dst = append(dst, server...)
	dst = append(dst, ", request: \""...)
	dst = append(dst, lineMethods[l.r.IntN(len(lineMethods))]...)
	dst = append(dst, " /api/"...)
	dst = append(dst, path...)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, id, 10)
	dst = append(dst, " HTTP/1.1\", upstream: \"http://127.0.0.1:"...)
	dst = strconv.AppendInt(dst, int64(3000+l.r.IntN(3)), 10)
	dst = append(dst, '/')
	dst = append(dst, path...)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, id, 10)
	dst = append(dst, "\", host: \""...)
	dst = append(dst, server...)
	return append(dst, '"')
}

// A lineParser reads such a line much as the parser of nginx does, with strings
// that share the line's memory.
type lineParser struct {
	stamp []byte
	at    time.Time
	pos   int64
	line  int
}

func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func between(l []byte, before string, end byte) []byte {
	i := bytes.Index(l, unsafe.Slice(unsafe.StringData(before), len(before)))
	if i < 0 {
		return nil
	}
	l = l[i+len(before):]
	if i = bytes.IndexByte(l, end); i < 0 {
		return nil
	}
	return l[:i]
}

func number(b []byte) (n int64) {
	for _, c := range b {
		if c < '0' || c > '9' {
			break
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

func (p *lineParser) parse(l []byte, r *culprit.Record) {
	r.Reset()
	if !bytes.Equal(l[:19], p.stamp) {
		p.stamp = append(p.stamp[:0], l[:19]...)
		t, err := time.ParseInLocation("2006/01/02 15:04:05", string(p.stamp), time.UTC)
		if err != nil {
			panic(fmt.Sprintf("line %q: %v", l, err))
		}
		p.at = t
	}
	p.line++
	r.Source, r.Text = "/var/log/nginx/error.log", l
	r.Start.Offset = p.pos
	p.pos += int64(len(l)) + 1
	r.End.Offset = p.pos
	r.LineFrom, r.LineTo = p.line, p.line
	r.Time, r.TimeText = p.at, view(l[:19])
	r.Severity = culprit.SeverityError
	r.Process = "nginx"
	rest := l[19+len(" [error] "):]
	r.PID = int(number(rest))
	star := bytes.IndexByte(rest, '*')
	rest = rest[star+1:]
	space := bytes.IndexByte(rest, ' ')
	r.Attrs.AddInt("connection", number(rest[:space]))
	rest = rest[space+1:]
	r.Message = view(rest)
	e := between(rest, " (", ':')
	r.Attrs.AddInt("errno", number(e))
	phase := between(rest, " while ", ',')
	r.Attrs.Add("phase", view(phase))
	switch {
	case rest[0] == 'c':
		r.Kind = culprit.KindUpstreamConnectFailed
	case rest[0] == 'r':
		r.Kind = culprit.KindUpstreamReset
	default:
		r.Kind = culprit.KindUpstreamTimeout
	}
	r.Attrs.Add("client", view(between(rest, "client: ", ',')))
	r.Attrs.Add("server", view(between(rest, "server: ", ',')))
	q := between(rest, "request: \"", '"')
	r.Attrs.Add("request", view(q))
	i, j := bytes.IndexByte(q, ' '), bytes.LastIndexByte(q, ' ')
	r.Attrs.Add("method", view(q[:i]))
	r.Attrs.Add("path", view(q[i+1:j]))
	r.Attrs.Add("protocol", view(q[j+1:]))
	r.Attrs.Add("upstream", view(between(rest, "upstream: \"", '"')))
}

func viewOf(b []byte) string { return view(b) }

// connection returns the number of the connection of a line near line n, which no
// other line has.
func (l *lines) connection(n int) string { return strconv.Itoa(l.conns[n/1000]) }
