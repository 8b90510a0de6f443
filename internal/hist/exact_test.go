package hist

import (
	"math"
	"math/big"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
)

// exact is the oracle: all values, sorted.
type exact []int64

func exactly(values []int64) exact {
	return slices.Sorted(slices.Values(values))
}

// quantile is the nearest-rank quantile of the decimal that q was written as.
func (e exact) quantile(q float64) int64 {
	return e[min(max(decimalRank(q, uint64(len(e))), 1), uint64(len(e)))-1]
}

// decimalRank is ceil(q*n) in rational arithmetic.
func decimalRank(q float64, n uint64) uint64 {
	rank, ok := new(big.Rat).SetString(strconv.FormatFloat(q, 'g', -1, 64))
	if !ok {
		panic("not a decimal: " + strconv.FormatFloat(q, 'g', -1, 64))
	}
	rank.Mul(rank, new(big.Rat).SetInt(new(big.Int).SetUint64(n)))
	up := new(big.Int).Add(rank.Num(), rank.Denom())
	up.Sub(up, big.NewInt(1))
	return up.Div(up, rank.Denom()).Uint64()
}

func (e exact) sum() *big.Int {
	sum := new(big.Int)
	for _, v := range e {
		sum.Add(sum, big.NewInt(v))
	}
	return sum
}

// distributions draw one value each.
var distributions = []struct {
	name string
	draw func(r *rand.Rand) int64
}{
	{"log-normal", func(r *rand.Rand) int64 { return int64(math.Exp(16.8 + 0.9*r.NormFloat64())) }},
	{"bimodal", func(r *rand.Rand) int64 {
		if r.IntN(10) < 7 {
			return 200_000 + r.Int64N(50_000)
		}
		return 3_000_000_000 + r.Int64N(900_000_000)
	}},
	{"pareto", func(r *rand.Rand) int64 { return int64(min(1e6*math.Pow(1-r.Float64(), -1/0.7), 9e18)) }},
	{"constant", func(*rand.Rand) int64 { return 12_345_678 }},
	{"tiny", func(r *rand.Rand) int64 { return r.Int64N(21) }},
	{"mostly zero", func(r *rand.Rand) int64 { return r.Int64N(10) / 9 * r.Int64N(1e9) }},
	{"huge", func(r *rand.Rand) int64 { return math.MaxInt64 - r.Int64N(math.MaxInt64>>r.IntN(40)) }},
	{"every magnitude", func(r *rand.Rand) int64 { return r.Int64() >> r.IntN(64) }},
}

// eachDistribution runs f on n values of each distribution.
func eachDistribution(t *testing.T, n int, f func(t *testing.T, values []int64)) {
	t.Helper()
	for _, d := range distributions {
		t.Run(d.name+"/"+strconv.Itoa(n), func(t *testing.T) {
			r := rand.New(rand.NewPCG(uint64(n), 7))
			values := make([]int64, n)
			for i := range values {
				values[i] = d.draw(r)
			}
			f(t, values)
		})
	}
}

func sumOf(h *Histogram) *big.Int {
	sum := new(big.Int).SetUint64(h.sumHi)
	return sum.Lsh(sum, 64).Add(sum, new(big.Int).SetUint64(h.sumLo))
}

func bytesOf(h *Histogram) string { return string(h.AppendBinary(nil)) }
