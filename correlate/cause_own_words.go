package correlate

import (
	"slices"
	"time"

	"culprit"
)

// A trace and the exit that it explains are at most this far apart.
const (
	wordsBefore = 15 * time.Second
	wordsAfter  = 3 * time.Second
)

// wordVerdicts are the kinds that may be the last thing a Node program says,
// and what each of them means for an exit.
var wordVerdicts = map[culprit.Kind]culprit.Verdict{
	culprit.KindModuleNotFound:         culprit.VerdictModuleNotFound,
	culprit.KindPackagePathNotExported: culprit.VerdictModuleNotFound + "_exports",
	culprit.KindModuleExportMissing:    culprit.VerdictModuleNotFound + "_export",
	culprit.KindRequireESM:             culprit.VerdictModuleNotFound + "_esm",
	culprit.KindNativeModuleFailed:     culprit.VerdictModuleNotFound + "_native",
	culprit.KindSyntaxError:            culprit.VerdictStartupError + "_syntax",
	culprit.KindNestDependencyError:    culprit.VerdictStartupError + "_dependency",
	culprit.KindConfigMissing:          culprit.VerdictStartupError + "_config",
	culprit.KindPermissionDenied:       culprit.VerdictStartupError + "_permission",
	culprit.KindAddressInUse:           culprit.VerdictPortInUse,
	culprit.KindConnectionFailed:       culprit.VerdictDependencyRefused,
	culprit.KindDBConnectionFailed:     culprit.VerdictDependencyRefused,
	culprit.KindDBClientInitFailed:     culprit.VerdictDependencyRefused,
	culprit.KindPoolExhausted:          culprit.VerdictDependencyExhausted,
	culprit.KindUncaughtException:      culprit.VerdictUncaughtException,
	culprit.KindUnhandledRejection:     culprit.VerdictUncaughtException,
	culprit.KindException:              culprit.VerdictUncaughtException,
	culprit.KindNPMError:               culprit.VerdictStartupError,
	culprit.KindSpawnFailed:            culprit.VerdictStartupError,
	culprit.KindSpawnError:             culprit.VerdictStartupError,
}

// startsWithin is how long a start may take that says nothing of its success.
const startsWithin = time.Minute

// specific orders words that stand close together: an error says more than the
// npm block or the generic report around it.
func specific(k culprit.Kind) int {
	switch k {
	case culprit.KindNPMError:
		return 0
	case culprit.KindException:
		return 1
	case culprit.KindUncaughtException, culprit.KindUnhandledRejection:
		return 2
	}
	return 3
}

var causeOwnWords = cause{culprit.VerdictUncaughtException, func(_ *exam, r *run) *lastWords {
	f := r.fate()
	if f.clean || f.signal != "" && f.signal != "SIGABRT" && f.signal != "SIGTRAP" && f.signal != "SIGILL" && f.signal != "SIGINT" {
		return nil
	}
	return r.ownWords(func(e *culprit.Event) (ok, byTime bool) {
		if !e.Time.IsZero() && !within(e.Time, r.exitTime(), wordsBefore, wordsAfter) {
			return false, false
		}
		if e.Kind != culprit.KindException && !dependency(wordVerdicts[e.Kind]) || e.Attrs.Get("fatal") == "true" || r.ready == nil {
			return true, false
		}
		// An error that was logged while the process served ends it only if it never did otherwise.
		return r.onlyWith(e), true
	})
}}

// causeFailedStart: a run that never served although it should have. What it said
// about its start explains that, however it ended: some outlive their error
// (PM2's container of an ES module), some are stopped by people who look at them.
var causeFailedStart = cause{culprit.VerdictStartupError, func(_ *exam, r *run) *lastWords {
	if !r.failed || r.exit != nil && !r.fate().clean {
		return nil
	}
	return r.ownWords(func(e *culprit.Event) (ok, byTime bool) {
		if !failsAtStart(wordVerdicts[e.Kind]) || !e.Time.IsZero() && e.Time.Before(r.began().Add(-wordsAfter)) {
			return false, false
		}
		return true, e.Attrs.Get("placed") == "true"
	})
}}

// exceptionBefore is how close to the exit an exception stands that ended the
// process without the runtime's own report (a handler, PM2's container).
const exceptionBefore = 2 * time.Second

// onlyWith reports whether an exception stands at the end of a run and nowhere
// else: what an application logs again and again is its daily bread.
func (r *run) onlyWith(e *culprit.Event) bool {
	text := firstLine(e.Message, 200)
	same := func(o *culprit.Event) bool { return o.Kind == e.Kind && firstLine(o.Message, 200) == text }
	ends := 0
	for _, o := range r.service.runs {
		if o.exit != nil && !o.fate().clean && o.fate().signal == "" {
			ends++
		}
	}
	if e.Time.IsZero() {
		n := 0
		for _, o := range r.service.untimed {
			if same(o) {
				n++
			}
		}
		return n <= ends
	}
	if !within(e.Time, r.exitTime(), exceptionBefore, exceptionBefore) {
		return false
	}
	for _, o := range r.service.events {
		if same(o) && !slices.ContainsFunc(r.service.runs, func(q *run) bool {
			return q.exit != nil && within(o.Time, q.exitTime(), exceptionBefore, exceptionBefore)
		}) {
			return false
		}
	}
	return true
}

// ownWords finds the most specific of the last words that may be meant, the
// latest of those.
func (r *run) ownWords(may func(e *culprit.Event) (ok, byTime bool)) *lastWords {
	var best *culprit.Event
	nearby := false
	for i := len(r.said) - 1; i >= 0; i-- {
		e := r.said[i]
		if !lastWord(e.Kind) || best != nil && specific(e.Kind) <= specific(best.Kind) {
			continue
		}
		if ok, byTime := may(e); ok {
			best, nearby = e, byTime
		}
	}
	if best == nil {
		return nil
	}
	w := &lastWords{verdict: wordVerdicts[best.Kind], evidence: []*culprit.Event{best}, joined: joinOf(best, r)}
	if r.exit != nil {
		w.evidence = append(w.evidence, r.exit)
	}
	if nearby {
		w.joined = "time"
	}
	switch code := best.Attrs.Get("error_code"); {
	case w.verdict == culprit.VerdictDependencyRefused && (code == "ETIMEDOUT" || code == "ESOCKETTIMEDOUT"):
		w.verdict = culprit.VerdictDependencyTimeout
	case w.verdict == culprit.VerdictUncaughtException && r.ready == nil && r.start != nil && !r.answered && r.exit != nil && r.exitTime().Sub(r.start.Time) < startsWithin:
		w.verdict = culprit.VerdictStartupError
	}
	if m := best.Attrs.Get("module"); m != "" {
		w.entity = r.service.name + ": " + m
	}
	w.terms = append(w.terms, term("last_words", 4, "the last thing that the process said before it ended"))
	if nearby {
		w.terms = append(w.terms, term("same_time", 1, "nothing but the time joins it to the exit"))
	} else {
		w.terms = append(w.terms, term("same_"+w.joined, 3, "written by the process that ended (joined by "+w.joined+")"))
	}
	return w
}
