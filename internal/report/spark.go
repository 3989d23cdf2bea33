package report

import (
	"fmt"
	"math"
	"strings"
)

const sparks = "▁▂▃▄▅▆▇█"

// sparkline draws failures over time in at most cols columns and says what a
// column and its peak are. Heights follow the square root, so that a few
// failures beside a burst can still be seen; a column without any is a blank.
func sparkline(perBin []int, binSeconds, cols int) (line, legend string) {
	if len(perBin) < 2 || cols < 4 {
		return "", ""
	}
	binSeconds = max(binSeconds, 1)
	per := (len(perBin) + cols - 1) / cols
	bins := make([]int, (len(perBin)+per-1)/per)
	peak := 0
	for i, n := range perBin {
		bins[i/per] += n
		peak = max(peak, bins[i/per])
	}
	if peak == 0 {
		return "", ""
	}
	levels := []rune(sparks)
	var b strings.Builder
	for _, n := range bins {
		if n <= 0 {
			b.WriteByte(' ')
			continue
		}
		h := int(math.Round(math.Sqrt(float64(n)/float64(peak)) * float64(len(levels))))
		b.WriteRune(levels[max(h, 1)-1])
	}
	each := "each second"
	if s := per * binSeconds; s > 1 {
		each = "each " + shortDuration(s)
	}
	return b.String(), fmt.Sprintf("%s, peak %s", each, number(peak))
}

func shortDuration(seconds int) string {
	switch {
	case seconds%3600 == 0:
		return fmt.Sprintf("%d h", seconds/3600)
	case seconds%60 == 0:
		return fmt.Sprintf("%d m", seconds/60)
	}
	return fmt.Sprintf("%d s", seconds)
}
