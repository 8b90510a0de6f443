package ingest

import "fmt"

// maxDepth is how deep the value of an unknown field may nest.
const maxDepth = 512

// skip skips a value of any type.
func (l *lexer) skip() (problem string) {
	var open [maxDepth]byte // the brackets that the present value is within
	depth := 0
	for {
		switch c := l.next(); {
		case c == '{' || c == '[':
			if depth == maxDepth {
				return fmt.Sprintf("nests deeper than %d levels", maxDepth)
			}
			open[depth] = c
			depth++
			l.at++
			if end := l.next(); end == c+2 { // ASCII's brackets are two apart
				break
			}
			if problem = l.skipName(c); problem != "" {
				return problem
			}
			continue
		case c == '"':
			_, problem = l.str()
		case c == '-' || c >= '0' && c <= '9':
			_, problem = l.number()
		default:
			problem = l.literal()
		}
		for {
			if problem != "" || depth == 0 {
				return problem
			}
			inside := open[depth-1]
			c := l.next()
			if c == ',' {
				l.at++
				problem = l.skipName(inside)
				break
			}
			if c != inside+2 {
				return l.unexpected("a comma or the end of the " + map[byte]string{'{': "object", '[': "array"}[inside])
			}
			l.at++
			depth--
		}
		if problem != "" {
			return problem
		}
	}
}

// name reads the name of a member of an object, and the colon behind it.
func (l *lexer) name() (name []byte, problem string) {
	if l.next() != '"' {
		return nil, l.unexpected("a field's name in double quotes")
	}
	if name, problem = l.str(); problem != "" {
		return nil, problem
	}
	if l.next() != ':' {
		return nil, l.unexpected("a colon after a field's name")
	}
	l.at++
	return name, ""
}

// skipName skips the name of a member, if the value to come is within an object.
func (l *lexer) skipName(inside byte) (problem string) {
	if inside == '{' {
		_, problem = l.name()
	}
	return problem
}

// literal skips true, false or null.
func (l *lexer) literal() (problem string) {
	for _, literal := range [...]string{"true", "false", "null"} {
		if l.has(literal) {
			l.at += len(literal)
			return ""
		}
	}
	return l.unexpected("a JSON value")
}
