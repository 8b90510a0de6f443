package probe

import (
	"slices"
	"strconv"
	"strings"
)

// anyLength is a dimension of an expected shape that may have any length.
const anyLength = -1

// shapeOf is the shape of a tensor as nested lists, going by the first element
// of each. What is no list is a scalar, whose shape is empty.
func shapeOf(v any) []int {
	shape := []int{}
	for {
		list, ok := v.([]any)
		if !ok {
			return shape
		}
		shape = append(shape, len(list))
		if len(list) == 0 {
			return shape
		}
		v = list[0]
	}
}

// fits reports whether a shape is as expected.
func fits(shape, want []int) bool {
	return slices.EqualFunc(shape, want, func(is, want int) bool { return want == anyLength || is == want })
}

// shapeText writes a shape as protocols do: [1,3].
func shapeText(shape []int) string {
	lengths := make([]string, len(shape))
	for i, n := range shape {
		lengths[i] = strconv.Itoa(n)
	}
	return "[" + strings.Join(lengths, ",") + "]"
}
