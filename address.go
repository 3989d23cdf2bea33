package culprit

import "strings"

// PassAddress returns the address or group name in the target of a pass
// directive or in the upstream of an error line: "127.0.0.1:3000" of
// "http://127.0.0.1:3000/api", "unix:/run/app.sock" of
// "http://unix:/run/app.sock:/api", "app" of "http://app". A port that the
// scheme implies is left off.
func PassAddress(target string) string {
	if i := strings.Index(target, "://"); i >= 0 {
		target = target[i+3:]
	}
	if strings.HasPrefix(target, "unix:") {
		if i := strings.IndexByte(target[5:], ':'); i >= 0 {
			return target[:5+i]
		}
		return target
	}
	for i := range len(target) {
		if target[i] == '/' || target[i] == '?' {
			return target[:i]
		}
	}
	return target
}
