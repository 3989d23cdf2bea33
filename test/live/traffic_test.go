package live_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// agent is how the test's users are known in the access log.
const agent = "culprit-live-test"

// Traffic is users who ask for something, eight times a second.
type traffic struct {
	stop func()
	ok   atomic.Int64 // requests that succeeded
	bad  atomic.Int64 // requests that a gateway answered
}

// newTraffic lets users come until stop is called or the test ends.
func newTraffic(t *testing.T, s *stand) *traffic {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	tr := &traffic{}
	var users sync.WaitGroup
	users.Go(func() {
		ticker := time.NewTicker(time.Second / 8)
		defer ticker.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			users.Go(func() { tr.request(t, s, n) })
			select {
			case <-ctx.Done():
			case <-ticker.C:
			}
		}
	})
	tr.stop = func() {
		cancel()
		users.Wait()
	}
	t.Cleanup(tr.stop)
	return tr
}

// request sends one request; who began to ask waits for the answer.
func (tr *traffic) request(t *testing.T, s *stand, n int) {
	method, body := http.MethodGet, ""
	if n%4 == 3 {
		method, body = http.MethodPost, `{"item":"tea"}`
	}
	url := fmt.Sprintf("http://127.0.0.1:%d/orders?n=%d", s.NginxPort, n)
	req, err := http.NewRequestWithContext(context.Background(), method, url, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", agent)
	resp, err := client.Do(req)
	if err != nil {
		t.Errorf("nginx itself does not answer: %v", err)
		return
	}
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode < 300:
		tr.ok.Add(1)
	case resp.StatusCode >= http.StatusBadGateway && resp.StatusCode <= http.StatusGatewayTimeout:
		tr.bad.Add(1)
	default:
		t.Errorf("%s %s: %s", method, url, resp.Status)
	}
}
