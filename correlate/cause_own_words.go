package correlate

import (
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
	var best *culprit.Event
	for i := len(r.said) - 1; i >= 0; i-- {
		e := r.said[i]
		if !lastWord(e.Kind) || !e.Time.IsZero() && !within(e.Time, r.exitTime(), wordsBefore, wordsAfter) {
			continue
		}
		fatal, told := e.Attrs.Lookup("fatal")
		isFatal := told && fatal.String() == "true"
		if e.Kind == culprit.KindException && !isFatal && r.ready != nil {
			continue // an error that was logged while the process served
		}
		if best == nil || specific(e.Kind) > specific(best.Kind) {
			best = e
		}
	}
	if best == nil {
		return nil
	}
	w := &lastWords{verdict: wordVerdicts[best.Kind], evidence: []*culprit.Event{best, r.exit}, joined: joinOf(best, r)}
	switch code := best.Attrs.Get("error_code"); {
	case w.verdict == culprit.VerdictDependencyRefused && (code == "ETIMEDOUT" || code == "ESOCKETTIMEDOUT"):
		w.verdict = culprit.VerdictDependencyTimeout
	case w.verdict == culprit.VerdictUncaughtException && r.ready == nil && r.start != nil:
		w.verdict = culprit.VerdictStartupError
	}
	if m := best.Attrs.Get("module"); m != "" {
		w.entity = r.service.name + ": " + m
	}
	w.terms = append(w.terms, term("last_words", 4, "the last thing that the process said before it ended"),
		term("same_"+w.joined, 3, "written by the process that ended (joined by "+w.joined+")"))
	return w
}}
