package template

import "strings"

const (
	minHex       = 8  // digits of hex that is a value, if some are below ten
	minPlainHex  = 16 // digits of hex that is a value, if none is
	minToken     = 10 // characters of a token with digits and letters of both cases
	minLowToken  = 12 // of one with digits and letters of one case
	minLetter    = 6  // letters of it
	minHighToken = 8  // of one with digits and capitals
	minLetters   = 21 // of one without digits
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
	if isRandom(s) || isKind(s) {
		return true
	}
	for part := range strings.FieldsFuncSeq(s, func(r rune) bool { return strings.ContainsRune("-_.:~", r) }) {
		if isHex(part) || isRandom(part) {
			return true
		}
	}
	return false
}

// isKind accepts a token behind the name of its kind, as in cus_9s6XKzkNRiz8i3.
func isKind(s string) bool {
	i := strings.LastIndexByte(s, '_')
	if i <= 0 || !isWord(s[:1]) || s[:i] != strings.ToLower(s[:i]) {
		return false
	}
	token := measure(s[i+1:])
	return token.isRandom(0)
}

// isRandom reports whether s looks as if it was drawn at random from letters and digits,
// or is such bytes in base 64.
//
// In a text of words, most letters are in runs of three and more whose neighbors are pairs
// that are common in words, where a capital begins a run. In one that was drawn, few are.
// In one of letters of one case, many are, but digits come between them again and again.
// Names can be of acronyms: in a short text, runs of three capitals count as words, and in a
// long one, where such happen, runs of four.
func isRandom(s string) bool {
	s = strings.TrimRight(s, "=")
	shape := measure(s)
	if len(s) < 16 {
		return shape.isRandom(shape.acronyms)
	}
	return shape.isRandom(shape.longAcronyms)
}

// measure returns the shape of a text, the zero shape if no token has such characters.
func measure(s string) shape {
	m := shape{capitals: true}
	for i := range len(s) {
		if !m.add(s[i]) {
			return shape{}
		}
	}
	m.endRun()
	return m
}

// shape is what isRandom counts.
type shape struct {
	lower, upper, digits int
	groups               int // of digits
	inWords              int // letters in runs that could be words
	acronyms             int // other letters in runs of three and more capitals
	longAcronyms         int // of four and more

	separated bool
	last      byte
	run       int  // letters of the present one
	rare      int  // pairs in it
	capitals  bool // it has nothing else
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
	s.capitals = s.capitals && isUpper(c)
}

// endAcronym ends a run of capitals before its last one, with which a word begins.
func (s *shape) endAcronym() {
	s.run--
	s.endRun()
	s.run = 1 // and lower case follows
}

func (s *shape) endRun() {
	switch {
	case s.run < 3:
	case 5*s.rare < s.run:
		s.inWords += s.run
	case s.capitals:
		s.acronyms += s.run
		if s.run > 3 {
			s.longAcronyms += s.run
		}
	}
	s.run, s.rare, s.capitals = 0, 0, true
}

// isRandom reports whether a text of this shape was drawn. Of its letters, so many are in acronyms.
func (s *shape) isRandom(acronyms int) bool {
	letters := s.lower + s.upper
	n := letters + s.digits
	switch {
	case s.digits == 0:
		return n >= minLetters && s.lower > 0 && s.upper > 0 && 3*s.inWords < letters
	case 5*letters < n:
		return false
	case s.lower == 0 && s.digits >= 10 && !s.separated:
		return true
	case s.lower == 0 && n < minLowToken:
		return n >= minHighToken && s.groups >= 2 && s.digits >= 4 && 3*s.inWords < letters && !s.separated
	case s.lower == 0 || s.upper == 0:
		return n >= minLowToken && s.groups >= 3 && (3*s.inWords < letters || s.groups >= 5) && !s.separated
	case letters < minLetter:
		return false
	}
	words := s.inWords + acronyms
	return n >= minToken && 3*words < letters || n >= 16 && s.groups >= 3 && 2*words < letters
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
	ta tc te th ti tl to tp tr ts tt tu tw ty
	ua ub uc ud ue ug ui ul um un up ur us ut
	va ve vi vo
	wa we wh wi wn wo wr ws
	xa xc xe xi xp xt
	ya ye yl ym yn yo yp ys yt
	za ze zi zo zz
`
