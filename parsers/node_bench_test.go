package parsers

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
)

// BenchmarkNodeTraces: error logs of a crash loop and of a service whose requests
// fail, each with its own order, and traces of every sort that a version writes.
func BenchmarkNodeTraces(b *testing.B) {
	for _, name := range []string{"err_crash_loop", "nest_requests", "node24", "node12"} {
		once, err := os.ReadFile("testdata/node/" + name + ".log")
		if err != nil {
			b.Fatal(err)
		}
		var data []byte
		for order := 100; len(data) < 1<<18; order++ {
			data = append(data, bytes.ReplaceAll(once, []byte("order 400"), fmt.Appendf(nil, "order %d", order))...)
		}
		b.Run(name, func(b *testing.B) { benchmarkStream(b, Options{}, data) })
	}
}

// BenchmarkNodeLoggers: the entries of a busy program.
func BenchmarkNodeLoggers(b *testing.B) {
	for name, l := range map[string]string{
		"pino":  `{"level":30,"time":1795332509533,"pid":1529,"hostname":"app-fra-1","name":"billing","req":{"id":4,"method":"GET","url":"/invoices?page=3","headers":{"host":"billing.example.com","user-agent":"ShopApp/5.2.1 (Android 14; \"Pixel 8\"; de_DE)"},"remoteAddress":"127.0.0.1"},"res":{"statusCode":200},"responseTime":14,"msg":"request completed"}`,
		"nest":  "[Nest] 1504  - 11/22/2026, 5:46:06 PM     LOG [RouterExplorer] Mapped {/statements/preview/:id, GET} route +5ms",
		"plain": "rendered report q4-2026 on 5002 for the third customer of the day",
	} {
		b.Run(name, func(b *testing.B) { benchmarkStream(b, Options{}, []byte(strings.Repeat(l+"\n", 2000))) })
	}
}
