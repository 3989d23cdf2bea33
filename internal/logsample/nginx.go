package logsample

import "strconv"

// An app is a site with one or more upstreams.
type app struct {
	host, prefix string
	upstreams    []string
	paths        []string // a # stands for a number
}

var apps = []app{
	{"shop.example.com", "", []string{"127.0.0.1:3000"}, []string{"/api/products/#", "/api/cart", "/api/orders/#", "/api/recommendations?user=u#", "/api/search?q=lamp&page=#", "/api/checkout", "/healthz"}},
	{"books.example.net", "", []string{"127.0.0.1:3300"}, []string{"/statements", "/statements/#", "/statements/preview/#", "/login"}},
	{"reports.example.com", "", []string{"127.0.0.1:5001", "127.0.0.1:5002"}, []string{"/report/#", "/sum", "/export/#.csv?from=2026-11-01&to=2026-11-22"}},
	{"rt.example.com", "", []string{"unix:/run/realtime/app.sock"}, []string{"/poll/room-#", "/presence"}},
}

// appWeights: most requests go to one app.
var appWeights = []int{55, 25, 12, 8}

var methods = []string{"GET", "GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD"}

var agents = []string{
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
	"Mozilla/5.0 (iPhone; CPU iPhone OS 17_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.6 Mobile/15E148 Safari/604.1",
	"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
	"python-requests/2.32.3", "Go-http-client/2.0", "curl/8.9.1", "okhttp/4.12.0", "-",
}

// client appends an address of the ranges for documentation.
func (g *Generator) client(dst []byte) []byte {
	n := g.random.few(508)
	if n < 254 {
		dst = append(dst, "203.0.113."...)
	} else {
		dst, n = append(dst, "198.51.100."...), n-254
	}
	return strconv.AppendInt(dst, int64(n+1), 10)
}

// path appends a path with its numbers filled in by id.
func path(dst []byte, pattern string, id int64) []byte {
	for i := range len(pattern) {
		if pattern[i] == '#' {
			dst = strconv.AppendInt(dst, id, 10)
		} else {
			dst = append(dst, pattern[i])
		}
	}
	return dst
}

// failures are what nginx says of an upstream, with how often of 100.
var (
	failures = []string{
		"connect() failed (111: Connection refused) while connecting to upstream",
		"recv() failed (104: Connection reset by peer) while reading response header from upstream",
		"upstream timed out (110: Connection timed out) while reading response header from upstream",
		"upstream prematurely closed connection while reading response header from upstream",
		"no live upstreams while connecting to upstream",
	}
	failureWeights = []int{84, 6, 5, 3, 2}
)

// nginxError appends one line of an error log: a failure at an upstream, or, one
// line in 25, something that is none.
func (g *Generator) nginxError(dst []byte) []byte {
	dst = reserve(dst)
	dst = g.timestamp(dst, "2006/01/02 15:04:05")
	g.serial += 1 + uint64(g.random.below(3))
	a := &apps[g.random.weighted(appWeights)]
	pattern, method, id := pick(&g.random, a.paths), pick(&g.random, methods), int64(g.random.below(90_000)+1_000)
	noise := g.random.below(25) == 0
	level, what := " [error] ", failures[g.random.weighted(failureWeights)]
	upstream := pick(&g.random, a.upstreams)
	switch {
	case noise && g.random.below(2) == 0:
		pattern, what = "/static/missing-#.png", ""
	case noise:
		level, what = " [warn] ", "a client request body is buffered to a temporary file /var/lib/nginx/body/00000"
	case what == failures[4]:
		upstream = "app_backend"
	}
	dst = append(dst, level...)
	dst = strconv.AppendInt(dst, int64(g.pid), 10)
	dst = append(dst, '#')
	dst = strconv.AppendInt(dst, int64(g.pid), 10)
	dst = append(dst, ": *"...)
	dst = strconv.AppendUint(dst, g.serial, 10)
	dst = append(dst, ' ')
	if what == "" {
		dst = path(append(dst, `open() "/var/www/html`...), pattern, id)
		dst = append(dst, `" failed (2: No such file or directory)`...)
	} else {
		dst = append(dst, what...)
		if level == " [warn] " {
			dst = strconv.AppendInt(dst, id+10_000, 10)
		}
	}
	dst = g.client(append(dst, ", client: "...))
	dst = append(dst, ", server: "...)
	dst = append(dst, a.host...)
	dst = append(dst, `, request: "`...)
	dst = append(dst, method...)
	dst = path(append(dst, ' '), pattern, id)
	dst = append(dst, ` HTTP/1.1"`...)
	if !noise {
		dst = append(dst, `, upstream: "http://`...)
		dst = append(dst, upstream...)
		if upstream[0] == 'u' {
			dst = append(dst, ':')
		}
		dst = path(dst, pattern, id)
		dst = append(dst, '"')
	}
	dst = append(dst, `, host: "`...)
	dst = append(dst, a.host...)
	dst = append(dst, '"')
	if !noise && g.random.below(16) == 0 {
		dst = append(dst, `, referrer: "https://`...)
		dst = append(dst, a.host...)
		dst = path(append(dst, "/app/view/"...), "#", id)
		dst = append(dst, '"')
	}
	return append(dst, '\n')
}

var (
	statuses      = []int64{200, 201, 304, 404, 502, 504, 499, 403}
	statusWeights = []int{70, 6, 5, 7, 8, 1, 2, 1}
)

// nginxAccess appends one line of an access log in the format combined.
func (g *Generator) nginxAccess(dst []byte) []byte {
	dst = g.client(reserve(dst))
	dst = append(dst, " - - ["...)
	dst = g.timestamp(dst, "02/Jan/2006:15:04:05 -0700")
	dst = append(dst, `] "`...)
	a := &apps[g.random.weighted(appWeights)]
	dst = append(dst, pick(&g.random, methods)...)
	dst = path(append(dst, ' '), pick(&g.random, a.paths), int64(g.random.below(90_000)+1_000))
	dst = append(dst, ` HTTP/1.1" `...)
	status := statuses[g.random.weighted(statusWeights)]
	dst = strconv.AppendInt(dst, status, 10)
	dst = append(dst, ' ')
	size := int64(g.random.below(20_000) + 40)
	switch status {
	case 502, 504:
		size = 157 // nginx's own page
	case 304, 499:
		size = 0
	}
	dst = strconv.AppendInt(dst, size, 10)
	dst = append(dst, ` "-" "`...)
	dst = append(dst, pick(&g.random, agents)...)
	return append(dst, "\"\n"...)
}
