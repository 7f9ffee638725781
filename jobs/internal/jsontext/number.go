package jsontext

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"
	"strings"
)

// MaxExponent bounds the exponents that are compared: sums of them stay far inside an int64. A larger one is no number here.
const MaxExponent = 1_000_000_000_000

// decimal is an exact number: sign × 0.digits × 10^point. digits has no zero at either end; zero has none at all.
// Numbers are compared digit by digit and never expanded, so 1e999999999 costs no more than 1.
type decimal struct {
	negative bool
	digits   string
	point    int64
}

// numberOf reads any number of a JSON-like value. It reports false for other kinds, NaN, infinities and hostile exponents.
func numberOf(v any) (decimal, bool) {
	switch n := v.(type) {
	case json.Number:
		return parseDecimal(string(n))
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			return decimal{}, false
		}
		return parseDecimal(strconv.FormatFloat(n, 'e', -1, 64))
	case float32:
		return numberOf(float64(n))
	}
	if i, ok := integerOf(v); ok {
		return parseDecimal(strconv.FormatInt(i, 10))
	}
	switch u := v.(type) { // integerOf left only those beyond an int64
	case uint64:
		return parseDecimal(strconv.FormatUint(u, 10))
	case uint:
		return parseDecimal(strconv.FormatUint(uint64(u), 10))
	}
	return decimal{}, false
}

// integerOf is the fast path: numbers that are int64, in any of Go's types or as JSON text without point and exponent.
func integerOf(v any) (int64, bool) {
	switch n := v.(type) {
	case int64:
		return n, true
	case int:
		return int64(n), true
	case json.Number:
		if len(n) > 18 || n == "" || n[0] == '+' {
			return 0, false
		}
		i, err := strconv.ParseInt(string(n), 10, 64)
		return i, err == nil // an error only means that the exact path has to decide
	case int32:
		return int64(n), true
	case int16:
		return int64(n), true
	case int8:
		return int64(n), true
	case uint:
		return int64(n), uint64(n) <= math.MaxInt64
	case uint64:
		return int64(n), n <= math.MaxInt64
	case uint32:
		return int64(n), true
	case uint16:
		return int64(n), true
	case uint8:
		return int64(n), true
	}
	return 0, false
}

// CompareNumbers compares by value: 1, 1.0 and 10e-1 are equal, and integers beyond 2^53 keep every digit.
// It reports false if one of them is not a number.
func CompareNumbers(a, b any) (int, bool) {
	if i, ok := integerOf(a); ok {
		if j, ok := integerOf(b); ok {
			return cmp.Compare(i, j), true
		}
	}
	x, ok := numberOf(a)
	if !ok {
		return 0, false
	}
	y, ok := numberOf(b)
	if !ok {
		return 0, false
	}
	return x.compare(y), true
}

func (d decimal) compare(e decimal) int {
	if c := cmp.Compare(d.sign(), e.sign()); c != 0 {
		return c
	}
	c := cmp.Compare(d.point, e.point)
	if c == 0 {
		c = strings.Compare(d.digits, e.digits)
	}
	if d.negative {
		return -c
	}
	return c
}

func (d decimal) sign() int {
	switch {
	case d.digits == "":
		return 0
	case d.negative:
		return -1
	}
	return 1
}

// IsNumber reports whether s is a number of JSON whose exponent is within MaxExponent.
func IsNumber(s string) bool {
	_, ok := parseDecimal(s)
	return ok
}

// parseDecimal reads the JSON grammar of numbers.
func parseDecimal(s string) (decimal, bool) {
	var d decimal
	s, d.negative = strings.CutPrefix(s, "-")
	mantissa, exponent := s, ""
	if i := strings.IndexAny(s, "eE"); i >= 0 {
		mantissa, exponent = s[:i], s[i+1:]
		if exponent == "" {
			return d, false
		}
	}
	whole, fraction, dotted := strings.Cut(mantissa, ".")
	if !allDigits(whole) || (len(whole) > 1 && whole[0] == '0') || (dotted && !allDigits(fraction)) {
		return d, false
	}
	d.digits = whole + fraction // without allocation when one of them is empty
	d.point = int64(len(whole))
	if exponent != "" {
		e, err := strconv.ParseInt(exponent, 10, 64)
		if err != nil || e > MaxExponent || e < -MaxExponent {
			return d, false
		}
		d.point += e
	}
	trimmed := strings.TrimLeft(d.digits, "0")
	d.point -= int64(len(d.digits) - len(trimmed))
	d.digits = strings.TrimRight(trimmed, "0")
	if d.digits == "" {
		return decimal{}, true
	}
	return d, true
}

func allDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
