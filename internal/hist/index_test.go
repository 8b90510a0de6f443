package hist

import (
	"math"
	"math/big"
	"testing"
)

const precision = 256

// powers[i+2] is 2^((i+1)/64), the upper bound of bucket i, from i = -2 on.
var powers = func() []*big.Float {
	root := new(big.Float).SetPrec(precision).SetInt64(2)
	for range Scale {
		root.Sqrt(root)
	}
	all := make([]*big.Float, maxIndex+3)
	one := new(big.Float).SetPrec(precision).SetInt64(1)
	all[0] = new(big.Float).Quo(one, root)
	all[1] = one
	for i := 2; i < len(all); i++ {
		if (i-1)%perOctave == 0 { // exactly a power of two
			all[i] = new(big.Float).SetPrec(precision).SetMantExp(one, (i-1)/perOctave)
			continue
		}
		all[i] = new(big.Float).Mul(all[i-1], root)
	}
	return all
}()

func boundOf(i int) *big.Float { return powers[i+2] }

// contains reports whether bucket i covers the float64 nearest to v.
func contains(i int, v int64) bool {
	exact := new(big.Float).SetFloat64(float64(v))
	return boundOf(i-1).Cmp(exact) < 0 && exact.Cmp(boundOf(i)) <= 0
}

func TestBoundsAreTheMantissasOfTheRoots(t *testing.T) {
	for j, got := range bounds[:perOctave] {
		// The upper bound of bucket j-1 is 2^(j/64), in [1, 2).
		shifted := new(big.Float).SetMantExp(boundOf(j-1), mantissaBits)
		want, _ := shifted.Int(nil)
		want.Sub(want, big.NewInt(1<<mantissaBits))
		if want.Uint64() != got {
			t.Errorf("bounds[%d] = %#x, want %#x", j, got, want)
		}
	}
}

func TestMaxRelativeErrorIsTheHarmonicMeans(t *testing.T) {
	want := math.Tanh(math.Ln2 / 2 / perOctave) // (b-1)/(b+1)
	if MaxRelativeError < want || MaxRelativeError > want*1.001 {
		t.Errorf("MaxRelativeError = %v, want a little above %v", MaxRelativeError, want)
	}
}

func TestIndexAtEveryBucketEdge(t *testing.T) {
	for i := minIndex; i <= maxIndex; i++ {
		edge, _ := boundOf(i).Int64() // rounds down
		for v := max(edge-1, 1); ; v++ {
			if got := Index(v); !contains(got, v) {
				t.Fatalf("Index(%d) = %d, whose bucket does not hold it", v, got)
			}
			if v == math.MaxInt64 || v > edge+1 {
				break
			}
		}
	}
}

func TestIndexOfSmallAndExtremeValues(t *testing.T) {
	for v := int64(1); v < 10_000; v++ {
		if got := Index(v); !contains(got, v) {
			t.Fatalf("Index(%d) = %d, whose bucket does not hold it", v, got)
		}
	}
	for v, want := range map[int64]int{1: minIndex, 2: 63, 1 << 62: 62*64 - 1, math.MaxInt64: maxIndex} {
		if got := Index(v); got != want {
			t.Errorf("Index(%d) = %d, want %d", v, got, want)
		}
	}
}

func TestUpperBoundIsNearestBelow(t *testing.T) {
	for i := minIndex - 1; i <= maxIndex; i++ {
		want, _ := boundOf(i).Float64()
		got := UpperBound(i)
		if got > want || got < math.Nextafter(want, 0) {
			t.Errorf("UpperBound(%d) = %v, want %v", i, got, want)
		}
	}
}

func TestUpperBoundAtLowerScales(t *testing.T) {
	for drop := 0; drop <= Scale; drop++ {
		for i := -1; i <= maxIndex>>drop; i++ {
			if got, want := upperBound(i, drop), UpperBound((i+1)<<drop-1); got != want {
				t.Fatalf("scale %d: upper bound of bucket %d = %v, want %v", Scale-drop, i, got, want)
			}
		}
	}
}
