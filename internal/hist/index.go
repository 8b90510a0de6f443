package hist

import "math"

// Scale is the resolution every histogram starts with: 2^Scale buckets per power of two.
const Scale = 6

const (
	perOctave = 1 << Scale
	// minIndex is the bucket of 1, (2^(-1/64), 1]; smaller positive integers do not exist.
	minIndex = -1
	// maxIndex is the bucket of math.MaxInt64, whose float64 form is 2^63.
	maxIndex = 63*perOctave - 1

	mantissaBits = 52
	mantissaMask = 1<<mantissaBits - 1
	exponentBias = 1023
	cellBits     = 7
)

// MaxRelativeError bounds |Quantile - exact| / exact at scale 6. The estimate
// for a bucket is the harmonic mean of its bounds, which is as far from the
// lower one as from the upper one: (b-1)/(b+1) with b = 2^(1/64).
const MaxRelativeError = 0.005416

// bounds[j] is the mantissa of 2^(j/64), its 52 bits rounded down. A mantissa
// above bounds[j] lies above the bound itself, which for j > 0 is irrational
// and so never a float64; bounds[0] = 0 makes powers of two upper-inclusive.
// The last entry is above every mantissa.
var bounds = [perOctave + 1]uint64{
	0x0000000000000, 0x02c9a3e778060, 0x059b0d3158574, 0x0874518759bc8,
	0x0b5586cf9890f, 0x0e3ec32d3d1a2, 0x11301d0125b50, 0x1429aaea92ddf,
	0x172b83c7d517a, 0x1a35beb6fcb75, 0x1d4873168b9aa, 0x2063b88628cd6,
	0x2387a6e756238, 0x26b4565e27cdd, 0x29e9df51fdee1, 0x2d285a6e4030b,
	0x306fe0a31b715, 0x33c08b26416ff, 0x371a7373aa9ca, 0x3a7db34e59ff6,
	0x3dea64c123422, 0x4160a21f72e29, 0x44e086061892d, 0x486a2b5c13cd0,
	0x4bfdad5362a27, 0x4f9b2769d2ca6, 0x5342b569d4f81, 0x56f4736b527da,
	0x5ab07dd485429, 0x5e76f15ad2148, 0x6247eb03a5584, 0x6623882552224,
	0x6a09e667f3bcc, 0x6dfb23c651a2e, 0x71f75e8ec5f73, 0x75feb564267c8,
	0x7a11473eb0186, 0x7e2f336cf4e62, 0x82589994cce12, 0x868d99b4492ec,
	0x8ace5422aa0db, 0x8f1ae99157736, 0x93737b0cdc5e4, 0x97d829fde4e4f,
	0x9c49182a3f090, 0xa0c667b5de564, 0xa5503b23e255c, 0xa9e6b5579fdbf,
	0xae89f995ad3ad, 0xb33a2b84f15fa, 0xb7f76f2fb5e46, 0xbcc1e904bc1d2,
	0xc199bdd85529c, 0xc67f12e57d14b, 0xcb720dcef9069, 0xd072d4a07897b,
	0xd5818dcfba487, 0xda9e603db3285, 0xdfc97337b9b5e, 0xe502ee78b3ff6,
	0xea4afa2a490d9, 0xefa1bee615a27, 0xf50765b6e4540, 0xfa7c1819e90d8,
	1 << mantissaBits,
}

// cells[c] counts the bounds below the start of mantissa cell c, of width 2^-7.
// The narrowest bucket, 2^(1/64)-1 = 1.09 %, is wider than a cell, so at most
// one bound lies inside a cell and one comparison settles its side.
var cells = func() (t [1 << cellBits]uint8) {
	below := 0
	for c := range t {
		for bounds[below] < uint64(c)<<(mantissaBits-cellBits) {
			below++
		}
		t[c] = uint8(below)
	}
	return t
}()

// Index returns the bucket of v at scale 6: the i for which
// 2^(i/64) < v <= 2^((i+1)/64), from -1 (v = 1) to 4031. v must be positive.
// Above 2^53 the nearest float64 decides, a relative step of 1e-16.
func Index(v int64) int {
	bits := math.Float64bits(float64(v))
	mantissa := bits & mantissaMask
	below := int(cells[mantissa>>(mantissaBits-cellBits)])
	// bounds[below] - mantissa borrows, and so counts this bound, when the
	// mantissa is beyond it: a branch here would be mispredicted half the time.
	below += int((bounds[below] - mantissa) >> 63)
	return int(bits>>mantissaBits)<<Scale - (exponentBias<<Scale + 1) + below
}

// UpperBound returns the largest value of bucket i at scale 6, 2^((i+1)/64).
func UpperBound(i int) float64 { return upperBound(i, 0) }

func upperBound(i, drop int) float64 {
	// Shifting first keeps the octave exact; the fraction has at most 6 bits.
	n := (i + 1) << drop
	return math.Ldexp(fractions[n&(perOctave-1)], n>>Scale)
}

// fractions[j] is 2^(j/64).
var fractions = func() (t [perOctave]float64) {
	for j := range t {
		t[j] = math.Float64frombits(exponentBias<<mantissaBits | bounds[j])
	}
	return t
}()
