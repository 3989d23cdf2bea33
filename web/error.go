package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"culprit"
)

// statuses maps what can go wrong to HTTP and one sentence for people; the
// first match wins. Where the sentence is "", the error's own text is shown.
var statuses = []struct {
	err      error
	status   int
	sentence string
}{
	{errBusy, http.StatusServiceUnavailable, "Other searches are still running. Try again in a moment."},
	{culprit.ErrNotFound, http.StatusNotFound, "This is not stored here, or no longer."},
	{culprit.ErrQuery, http.StatusBadRequest, ""},
	{context.DeadlineExceeded, http.StatusGatewayTimeout, "This took too long and was stopped. Narrow the range of time or the query."},
	{culprit.ErrUnavailable, http.StatusServiceUnavailable, "The service is starting or stopping. Try again in a moment."},
	{culprit.ErrLocked, http.StatusServiceUnavailable, "Another process holds the data folder."},
	{culprit.ErrDiskFull, http.StatusInsufficientStorage, "The disk of the data folder is full."},
	{culprit.ErrVersion, http.StatusInternalServerError, "The data folder was written by another version."},
	{culprit.ErrCorrupt, http.StatusInternalServerError, "Part of the stored data is damaged; culprit doctor says more."},
	// A client that left reads no answer; the status is for the metrics.
	{context.Canceled, 499, "The client left."},
}

// problem makes the answer to an error. What is not in the list is a fault of
// ours: it is logged, and the client reads one general sentence.
func (s *Server) problem(err error) error {
	if _, ok := errors.AsType[huma.StatusError](err); ok {
		return err
	}
	for _, st := range statuses {
		if errors.Is(err, st.err) {
			text := st.sentence
			if text == "" {
				text = err.Error()
			}
			if st.status == http.StatusServiceUnavailable {
				return huma.ErrorWithHeaders(huma.NewError(st.status, text), http.Header{"Retry-After": {"1"}})
			}
			return huma.NewError(st.status, text)
		}
	}
	s.log.Error("request failed", "error", err)
	return huma.NewError(http.StatusInternalServerError, "Something went wrong here; the log of culprit says what.")
}

// writeProblem answers outside of huma, in the same form (RFC 9457).
func writeProblem(w http.ResponseWriter, status int, detail string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(huma.ErrorModel{Title: http.StatusText(status), Status: status, Detail: detail})
}
