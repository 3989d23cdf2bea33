package correlate

import (
	"math"

	"culprit"
)

// tier says how a verdict was proven.
func (c *analysis) tier(f *finding) culprit.Tier {
	if f.verdict == culprit.VerdictInconclusive || f.words == nil {
		return culprit.TierPossible
	}
	byAddress := f.run == nil || len(c.services.serving(c.addresses(f.outage.lane))) > 0
	identity := f.words.identity() && (f.trigger == nil || f.trigger.words == nil || f.trigger.words.identity())
	switch {
	case f.run == nil && f.verdict == culprit.VerdictRemoteUpstream:
		return culprit.TierLikely
	case byAddress && identity && !f.words.partial && !systemdOnly(f):
		return culprit.TierProven
	}
	return culprit.TierLikely
}

// systemdOnly tells an OOM kill of which the kernel's own line is missing.
func systemdOnly(f *finding) bool {
	d := f.words.decisive()
	return d != nil && (d.Kind == culprit.KindUnitOOMKill || d.Kind == culprit.KindOOMKilled)
}

// tally is how often verdicts of a tier were right on the captures under
// testdata/captures, each incident once: docs/accuracy.md, `make eval`. A test
// holds it to what the captures give.
var tally = map[culprit.Tier]struct{ right, of int }{
	culprit.TierProven: {42, 42},
	culprit.TierLikely: {3, 3},
}

// Tally returns how many verdicts of a tier were right on captures, of how many.
func Tally(t culprit.Tier) (right, of int) { return tally[t].right, tally[t].of }

// record returns the lower bound of the share of right verdicts, and its count.
func record(t culprit.Tier, v culprit.Verdict) (float64, int, int) {
	if v == culprit.VerdictInconclusive {
		return 0, 0, 0
	}
	n := tally[t]
	return math.Round(Wilson(n.right, n.of)*100) / 100, n.right, n.of
}

// Wilson is the lower bound of the 95 % interval of a share (E. B. Wilson 1927):
// 32 of 32 gives 0.89. It is 0 for nothing of nothing.
func Wilson(right, of int) float64 {
	if of == 0 {
		return 0
	}
	const z = 1.96
	n, p := float64(of), float64(right)/float64(of)
	return (p + z*z/(2*n) - z*math.Sqrt(p*(1-p)/n+z*z/(4*n*n))) / (1 + z*z/n)
}
