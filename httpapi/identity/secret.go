package identity

import (
	"crypto/rand"
	"hash/crc32"
	"math/big"
	"strings"

	"github.com/carillon-go/carillon/jobs"
)

const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

const (
	tokenPrefix = "jobs_"
	// tokenBody is the length of 32 bytes in base 62, tokenCheck that of a CRC-32.
	tokenBody  = 43
	tokenCheck = 6
	tokenLen   = len(tokenPrefix) + tokenBody + tokenCheck
)

// newTokenText makes a token: 32 random bytes in base 62 between a prefix, by which scanners find a leaked one, and a checksum (R50).
func newTokenText() jobs.Secret {
	random := make([]byte, 32)
	rand.Read(random) // never fails: the process ends if the system has no randomness
	text := tokenPrefix + encode62(new(big.Int).SetBytes(random), tokenBody)
	return jobs.Secret(text + checksum(text))
}

// validTokenText reports whether a text can be a token of ours. A typing error is found here, without a look-up; that the token exists is not
// said.
func validTokenText(text string) bool {
	if len(text) != tokenLen || !strings.HasPrefix(text, tokenPrefix) {
		return false
	}
	for i := len(tokenPrefix); i < len(text); i++ {
		if strings.IndexByte(base62, text[i]) < 0 {
			return false
		}
	}
	at := tokenLen - tokenCheck
	return checksum(text[:at]) == text[at:]
}

func checksum(text string) string {
	return encode62(big.NewInt(int64(crc32.ChecksumIEEE([]byte(text)))), tokenCheck)
}

// encode62 writes n in base 62 with leading zeros.
func encode62(n *big.Int, length int) string {
	digits := make([]byte, length)
	rest, base := new(big.Int).Set(n), big.NewInt(int64(len(base62)))
	var digit big.Int
	for i := length - 1; i >= 0; i-- {
		rest.DivMod(rest, base, &digit)
		digits[i] = base62[digit.Int64()]
	}
	return string(digits)
}

// randomText is a password: n characters out of 62, each equally likely.
func randomText(n int) string {
	text := make([]byte, n)
	for i := range text {
		// An error is not possible: rand.Reader ends the process rather than fail.
		at, err := rand.Int(rand.Reader, big.NewInt(int64(len(base62))))
		if err != nil {
			panic(err)
		}
		text[i] = base62[at.Int64()]
	}
	return string(text)
}
