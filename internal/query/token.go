package query

import (
	"encoding/binary"
	"math/bits"
	"unicode"
	"unicode/utf8"
)

// Kinds of tokens.
const (
	KindWord  uint8 = iota // no digit and at most MaxWord bytes: a term of the dictionary
	KindKey                // with a digit, or long: a key of the filter
	KindChain              // four numbers in a row, such as an IPv4 address: an additional key
)

// MaxWord is the length in bytes up to which a token without digits is a term of
// the dictionary.
const MaxWord = 32

// A Token is a run of letters, digits and underscores of a folded text.
type Token struct {
	Hash       uint64 // see Hash; of a chain, of the four hashes
	Start, End int32  // in the text
	Kind       uint8
}

const (
	classLetter = 1
	classDigit  = 2
	classHigh   = 4 // first or later byte of a rune that is not ASCII
)

var class = func() (t [256]uint8) {
	for c := range t {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c == '_':
			t[c] = classLetter
		case c >= '0' && c <= '9':
			t[c] = classDigit
		case c >= utf8.RuneSelf:
			t[c] = classHigh
		}
	}
	return t
}()

// TokenByte reports whether a byte may belong to a token.
func TokenByte(c byte) bool { return class[c] != 0 }

// wordRune decodes the first rune of b and reports whether it belongs to a token.
func wordRune(b []byte) (size int, ok bool) {
	r, size := utf8.DecodeRune(b)
	return size, isWordRune(r, size)
}

func isWordRune(r rune, size int) bool {
	if r == utf8.RuneError && size <= 1 {
		return false
	}
	return unicode.IsLetter(r) || unicode.IsNumber(r) || unicode.IsMark(r)
}

// Fold appends text to dst with its letters in lower case. Every byte keeps its
// place: a letter whose lower case has another length stays as it is.
func Fold(dst, text []byte) []byte {
	n := len(dst)
	dst = append(dst, text...)
	b := dst[n:]
	i := 0
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		if w&0x8080808080808080 != 0 {
			break
		}
		// Bytes between 'A' and 'Z' get bit 5: the sums carry into the high bit
		// of their own byte only, for no byte is above 127.
		ge := w + 0x3f3f3f3f3f3f3f3f // >= 'A'
		gt := w + 0x2525252525252525 // > 'Z'
		binary.LittleEndian.PutUint64(b[i:], w|(ge&^gt&0x8080808080808080)>>2)
	}
	for i < len(b) {
		c := b[i]
		if c < utf8.RuneSelf {
			if c >= 'A' && c <= 'Z' {
				b[i] = c + 'a' - 'A'
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(b[i:])
		if l := unicode.ToLower(r); l != r && size > 1 && utf8.RuneLen(l) == size {
			utf8.EncodeRune(b[i:], l)
		}
		i += size
	}
	return dst
}

// Tokens appends the tokens of folded[from:to] to dst.
func Tokens(dst []Token, folded []byte, from, to int) []Token {
	f := folded[:to]
	run := 0 // numbers of at most three digits that end in the last token
	for i := from; i < to; {
		left := to - i
		letters, digits, ok := chunkBits(folded, i, min(left, 64))
		if !ok {
			return runeTokens(dst, f, i, run)
		}
		if left < 64 {
			letters &= 1<<left - 1
			digits &= 1<<left - 1
		}
		next := i + 64
		for token := letters | digits; token != 0; {
			first := bits.TrailingZeros64(token)
			n := bits.TrailingZeros64(^(token >> (first & 63)))
			ones := uint64(1)<<n - 1
			start, end := i+first, i+first+n
			token &^= ones << (first & 63)
			within := digits >> (first & 63) & ones
			if end == i+64 && end < to {
				// It may go on in the next chunk: that begins with it.
				if next = start; first > 0 {
					break
				}
				// A chunk is too short for it. The rest does not matter for its kind.
				for end < to && class[f[end]]&(classLetter|classDigit) != 0 {
					end++
				}
				if end < to && class[f[end]] == classHigh {
					return runeTokens(dst, f, start, run)
				}
				next, n = end, end-start
			}
			kind := KindWord
			if within != 0 || n > MaxWord {
				kind = KindKey
			}
			var h uint64
			if n <= 8 && start+8 <= len(folded) { // most of them, as in hash
				h = mix(binary.LittleEndian.Uint64(folded[start:])&(^uint64(0)>>(64-8*uint(n)))^mixer0, uint64(n)^mixer1)
			} else {
				h = hash(f, start, end)
			}
			dst = append(dst, Token{Hash: h, Start: int32(start), End: int32(end), Kind: kind})
			if within != ones || n > 3 {
				run = 0
			} else if run++; run >= 4 {
				dst = appendChain(dst)
			}
		}
		i = next
	}
	return dst
}

// chunkBits returns for each of the n bytes at f[i:], which are 64 at most, whether
// it is a letter or an underscore, or a digit; it may look at a few more. It is not
// ok if there are bytes that are not ASCII.
func chunkBits(f []byte, i, n int) (letters, digits uint64, ok bool) {
	chunk := f[i:]
	if len(chunk) < (n+7)&^7 {
		var last [64]byte
		copy(last[:], chunk)
		chunk = last[:]
	}
	const ones = 0x0101010101010101
	high := uint64(0)
	for k := 0; k < n; k += 8 {
		w := binary.LittleEndian.Uint64(chunk[k:])
		high |= w
		// Sums carry into the high bit of their own byte only, for no byte is
		// above 127, and the high bits are what is asked for.
		folded := w | 0x20*ones
		letter := (folded + (0x80-'a')*ones) &^ (folded + (0x7f-'z')*ones)
		letter |= ^((w ^ '_'*ones) + 0x7f*ones)
		digit := (w + (0x80-'0')*ones) &^ (w + (0x7f-'9')*ones)
		// The product gathers the lowest bits of the bytes in the highest byte.
		const gather = 0x0102040810204080
		letters |= (letter >> 7 & ones) * gather >> 56 << k
		digits |= (digit >> 7 & ones) * gather >> 56 << k
	}
	return letters, digits, high&(0x80*ones) == 0
}

// runeTokens is Tokens for text that is not only ASCII, from an offset on.
func runeTokens(dst []Token, f []byte, from, run int) []Token {
	for i := from; i < len(f); {
		c := class[f[i]]
		if c == 0 {
			i++
			continue
		}
		start := i
		seen := c
		if c == classHigh {
			size, ok := wordRune(f[i:])
			i += size
			if !ok {
				continue
			}
		} else {
			i++
		}
		for i < len(f) {
			c = class[f[i]]
			if c == 0 {
				break
			}
			if c == classHigh {
				size, ok := wordRune(f[i:])
				if !ok {
					break
				}
				i += size
			} else {
				i++
			}
			seen |= c
		}
		kind := KindWord
		if seen&classDigit != 0 || i-start > MaxWord {
			kind = KindKey
		}
		dst = append(dst, Token{Hash: hash(f, start, i), Start: int32(start), End: int32(i), Kind: kind})
		if seen != classDigit || i-start > 3 {
			run = 0
		} else if run++; run >= 4 {
			dst = appendChain(dst)
		}
	}
	return dst
}

// IsShortNumber reports whether a token may be part of a chain.
func IsShortNumber(token []byte) bool {
	if len(token) > 3 {
		return false
	}
	for _, c := range token {
		if class[c] != classDigit {
			return false
		}
	}
	return true
}

// appendChain appends the chain of the last four tokens, chains not counted: from
// the fourth on, each number of a run is followed by a chain of its own.
func appendChain(dst []Token) []Token {
	last := len(dst) - 1
	var four [4]int
	for k, at := 3, last; k >= 0; at-- {
		if dst[at].Kind != KindChain {
			four[k] = at
			k--
		}
	}
	h := uint64(chainSeed)
	for _, at := range four {
		h = mix(h^dst[at].Hash, mixer1)
	}
	return append(dst, Token{Hash: h, Start: dst[four[0]].Start, End: dst[last].End, Kind: KindChain})
}

// The constants of the hash. Filters on disk depend on them: a change needs
// another version of blocks.
const (
	mixer0    = 0xa0761d6478bd642f
	mixer1    = 0xe7037ed1a0b428db
	mixer2    = 0x8ebc6af09c88c6e3
	chainSeed = 0x589965cc75374cc3
	fieldSeed = 0x1d8e4e27c47d124f
)

func mix(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}

// hash returns the hash of b[start:end], which must not be empty; it may look at
// bytes behind end but does not depend on them.
func hash(b []byte, start, end int) uint64 {
	n := end - start
	if n <= 8 {
		var w uint64
		if start+8 <= len(b) {
			w = binary.LittleEndian.Uint64(b[start:]) & (^uint64(0) >> (64 - 8*uint(n)))
		} else {
			for k := n - 1; k >= 0; k-- {
				w = w<<8 | uint64(b[start+k])
			}
		}
		return mix(w^mixer0, uint64(n)^mixer1)
	}
	h := uint64(n) ^ mixer2
	for ; end-start > 16; start += 16 {
		h = mix(binary.LittleEndian.Uint64(b[start:])^h, binary.LittleEndian.Uint64(b[start+8:])^mixer0)
	}
	if end-start > 8 {
		h = mix(binary.LittleEndian.Uint64(b[start:])^h, mixer0)
	}
	return mix(binary.LittleEndian.Uint64(b[end-8:])^mixer0, h^mixer1)
}

// Mix makes one hash of two numbers.
func Mix(a, b uint64) uint64 { return mix(a, b) }

// Hash returns the hash of a folded token, the same in every run and version.
func Hash(token []byte) uint64 {
	if len(token) == 0 {
		return 0
	}
	return hash(token, 0, len(token))
}

// HashField returns the key of a field that has a value, which is folded.
func HashField(field string, value []byte) uint64 {
	return mix(Hash([]byte(field))^fieldSeed, Hash(value)^mixer2)
}
