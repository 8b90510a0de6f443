package template

import "strings"

const (
	minHex       = 8  // digits of hex that is a value, if some are below ten
	minPlainHex  = 16 // digits of hex that is a value, if none is
	minToken     = 10 // characters of a token with digits and letters of both cases
	minLowToken  = 12 // of one with digits and letters of one case
	minLetter    = 6  // letters of it
	minHighToken = 8  // of one with digits and capitals
	minLetters   = 20 // of one without digits
)

func isHexDigit(c byte) bool {
	letter := c | 0x20
	return isDigit(c) || 'a' <= letter && letter <= 'f'
}

func isHex(s string) bool {
	if len(s) > 2 && s[0] == '0' && s[1]|0x20 == 'x' {
		s = s[2:]
	}
	if len(s) < minHex {
		return false
	}
	digits := 0
	for i := range len(s) {
		if !isHexDigit(s[i]) {
			return false
		}
		if isDigit(s[i]) {
			digits++
		}
	}
	return digits > 0 || len(s) >= minPlainHex
}

// hasToken reports whether a segment is a token, or has one as a part: a UUID or an
// identifier behind the name of its kind, a digest behind that of its algorithm.
func hasToken(s string) bool {
	if isRandom(s) {
		return true
	}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune("-_.:~", r) }) {
		if isHex(part) || isRandom(part) {
			return true
		}
	}
	return false
}

// isRandom reports whether s looks as if it was drawn at random from letters and digits,
// or is such bytes in base 64.
//
// In a text of words, most letters are in runs of three and more whose neighbors are pairs
// that are common in words, where a capital begins a run. In one that was drawn, few are.
func isRandom(s string) bool {
	s = strings.TrimRight(s, "=")
	var shape shape
	for i := range len(s) {
		if !shape.add(s[i]) {
			return false
		}
	}
	shape.endRun()
	return shape.isRandom()
}

// shape is what isRandom counts.
type shape struct {
	lower, upper, digits int
	groups               int // of digits
	inWords              int // letters in runs that could be words

	separated bool
	last      byte
	run       int // letters of the present one
	rare      int // pairs in it
}

// add reports whether a character can be in a token.
func (s *shape) add(c byte) bool {
	switch {
	case isDigit(c):
		s.endRun()
		s.digits++
		if !isDigit(s.last) {
			s.groups++
		}
	case 'a' <= c && c <= 'z':
		if s.run > 1 && isUpper(s.last) {
			s.endAcronym()
		}
		s.lower++
		s.letter(c)
	case isUpper(c):
		if !isUpper(s.last) {
			s.endRun()
		}
		s.upper++
		s.letter(c)
	case c == '-' || c == '_' || c == '+':
		s.endRun()
		s.separated = true
	default:
		return false
	}
	s.last = c
	return true
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }

func (s *shape) letter(c byte) {
	if s.run > 0 && !isPair(s.last, c) {
		s.rare++
	}
	s.run++
}

// endAcronym ends a run of capitals before its last one, with which a word begins.
func (s *shape) endAcronym() {
	s.run--
	s.endRun()
	s.run = 1
}

func (s *shape) endRun() {
	if s.run >= 3 && 5*s.rare < s.run {
		s.inWords += s.run
	}
	s.run, s.rare = 0, 0
}

func (s *shape) isRandom() bool {
	letters := s.lower + s.upper
	n := letters + s.digits
	switch {
	case s.digits == 0:
		return n >= minLetters && s.lower > 0 && s.upper > 0 && 3*s.inWords < letters
	case 5*letters < n:
		return false
	case s.lower == 0 && n < minLowToken:
		return n >= minHighToken && s.groups >= 2 && s.digits >= 4 && !s.separated
	case s.lower == 0 || s.upper == 0:
		return n >= minLowToken && s.groups >= 2 && (3*s.inWords < letters || s.groups >= 5) && !s.separated
	case letters < minLetter:
		return false
	}
	return n >= minToken && 3*s.inWords < letters || n >= 16 && 2*s.inWords < letters
}

// isPair reports whether two letters are common as neighbors in the words of names.
func isPair(a, b byte) bool { return pairs[a|0x20-'a']&(1<<(b|0x20-'a')) != 0 }

// pairs has a bit for each letter that is common behind another.
var pairs = func() (bits [26]uint32) {
	for pair := range strings.FieldsSeq(commonPairs) {
		bits[pair[0]-'a'] |= 1 << (pair[1] - 'a')
	}
	return bits
}()

const commonPairs = `
	ab ac ad ag ai ak al am an ap ar as at au av ay
	ba be bi bl bo br bs bu by
	ca ce ch ci ck cl co cr cs ct cu cy
	da dd de di do dr ds du dy
	ea eb ec ed ee eg el em en ep er es et ev ew ex ey
	fa fe ff fi fl fo fr fu
	ga ge gh gi gl gn go gr gs gu
	ha he hi ho hr ht hu hy
	ia ib ic id ie if ig il im in io ip ir is it iv iz
	ja je jo js ju
	ka ke ki kl kn ks
	la lb ld le li ll lo ls lt lu lv ly
	ma mb me mi mm mo mp ms mu
	na nc nd ne nf ng ni nk nn no ns nt nu nv ny
	oa ob oc od of og oi oj ok ol om on oo op or os ot ou ov ow ox
	pa pd pe ph pi pl po pp pr ps pt pu py
	qu
	ra rb rc rd re rg ri rk rl rm rn ro rr rs rt ru rv ry
	sa sc se sh si sk sl sm so sp sq ss st su sw sy
	ta tc te th ti tl to tr ts tt tu tw ty
	ua ub uc ud ue ug ui ul um un up ur us ut
	va ve vi vo
	wa we wh wi wn wo wr ws
	xa xc xe xi xp xt
	ya ye yl ym yn yo yp ys yt
	za ze zi zo zz
`
