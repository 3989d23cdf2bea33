package parsers

import "strings"

// Versions 6 to 11 of Node print an error that has properties between braces
// which begin before it:
//
//	{ Error: connect ECONNREFUSED 127.0.0.1:3306
//	    at TCPConnectWrap.afterConnect [as oncomplete] (net.js:1198:14)
//	  errno: 'ECONNREFUSED',
//	  port: 3306 }
//
// and short properties behind the last frame: ... (module.js:470:15) code: 'X' }

// braceHead reports whether a line begins such an error and leaves its braces
// open.
func braceHead(line string) bool {
	i := strings.Index(line, "{ ")
	if i < 0 || strings.HasSuffix(line, " }") {
		return false
	}
	h, ok := findErrorHead(line[i+2:])
	return ok && h.at == 0 && !h.opens
}

// braceState is the state of a rule behind the line that begins a record.
func braceState(line string, phase int) int {
	if !braceHead(line) {
		return 0
	}
	state := phase | braceBit
	setWide(&state, propShift, 1)
	return state
}

// braceNext is traceNext inside of the braces; known is false for lines that are
// nothing special there.
func braceNext(indent int, rest string, state *int) (st step, known bool) {
	phase := *state & phaseMask
	var props string
	if strings.HasPrefix(rest, "at ") {
		if _, ok := frameLine(indent, rest); ok {
			if phase == phaseBlock {
				return stepJoin, true // of an error among the properties
			}
			return 0, false
		}
		_, p, ok := frameProps(rest)
		if !ok {
			return 0, false
		}
		if phase != phaseBlock {
			setPhase(state, phaseFrames)
		}
		props = p
	} else if phase == phaseBlock && indent > 0 {
		props = rest
	} else if _, _, ok := property(rest); ok && indent == 2 && (phase == phaseText || phase == phaseFrames) {
		setPhase(state, phaseBlock)
		props = rest
	} else if phase == phaseBlock {
		return stepEnd, true
	} else {
		return 0, false
	}
	depth := wide(*state, propShift) + braces(props)
	if depth <= 0 {
		setPhase(state, phaseDone)
		return stepLast, true
	}
	setWide(state, propShift, depth)
	return stepJoin, true
}

// braces returns how many more brackets a text opens than it closes; strings are
// left out.
func braces(s string) (n int) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; c {
		case '{', '[':
			n++
		case '}', ']':
			n--
		case '\'', '"', '`':
			for i++; i < len(s) && s[i] != c; i++ {
				if s[i] == '\\' {
					i++
				}
			}
		}
	}
	return n
}

// maxFrameEnds bounds the places at which a frame is taken to end.
const maxFrameEnds = 8

// frameProps splits "at main (/srv/app.js:3:1) code: 'ENOENT' }", and the JSON
// that loggers put behind the last frame.
func frameProps(rest string) (frame, props string, ok bool) {
	if !strings.HasPrefix(rest, "at ") {
		return "", "", false
	}
	for i, tries := 3, 0; i < len(rest) && tries < maxFrameEnds; i++ {
		if rest[i] != ' ' || rest[i-1] != ')' && !digit(rest[i-1]) {
			continue
		}
		tries++
		after := rest[i+1:]
		if _, _, isProp := property(after); !isProp && !strings.HasPrefix(after, `{"`) {
			continue
		}
		if _, ok := frameLine(4, rest[:i]); ok {
			return rest[:i], after, true
		}
	}
	return "", "", false
}

// setAll takes the properties of one line: "errno: -2, code: 'ENOENT' }".
func (p *errorProps) setAll(props string) {
	for range 16 {
		part, rest, more := strings.Cut(props, ", ")
		if key, value, ok := property(part); ok {
			p.set(key, strings.TrimRight(strings.TrimSuffix(value, "}"), " "))
		}
		if !more {
			return
		}
		props = rest
	}
}
