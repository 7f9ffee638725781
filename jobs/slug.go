package jobs

import (
	"strconv"
	"strings"
	"unicode"
)

// MaxSlug is the longest slug, in characters (contract 1.4).
const MaxSlug = 100

// Slugify makes a slug of a name (contract 2.7): lower case, accents dropped, every run of other signs one "-", at most
// MaxSlug characters. Only Latin letters have a place in a slug; it is empty if the name has neither those nor digits.
func Slugify(name string) string {
	var out []byte
	gap := false // signs since the last letter
	for _, r := range name {
		letters := fold(r)
		if letters == "" {
			gap = gap || !unicode.Is(unicode.Mn, r) // a combining accent is dropped, and joins what it stands between
			continue
		}
		if gap && len(out) > 0 {
			out = append(out, '-')
		}
		gap = false
		out = append(out, letters...)
		if len(out) >= MaxSlug {
			break
		}
	}
	return strings.TrimRight(string(out[:min(len(out), MaxSlug)]), "-")
}

// NumberedSlug is the n-th try for a slug that is taken: "nightly-2", never longer than MaxSlug. For n below 2 it is the
// slug itself.
func NumberedSlug(slug string, n int) string {
	if n < 2 {
		return slug
	}
	suffix := "-" + strconv.Itoa(n)
	if cut := MaxSlug - len(suffix); len(slug) > cut {
		slug = strings.TrimRight(slug[:cut], "-")
	}
	return slug + suffix
}

// ValidSlug reports whether s is ^[a-z0-9]+(-[a-z0-9]+)*$ with 1 to MaxSlug characters (contract 1.4).
func ValidSlug(s string) bool {
	if s == "" || len(s) > MaxSlug || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	for i := range len(s) {
		if c := s[i]; c != '-' && (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return true
}

// Letters without their accents, one character for each code point of a block; "-" is none. They follow the compatibility
// decomposition of Unicode, and for letters with a stroke or a hook the letter below it.
const (
	// U+00C0 to U+017F
	foldLatin1AndA = "aaaaaa-ceeeeiiiidnooooo-ouuuuy--aaaaaa-ceeeeiiiidnooooo-ouuuuy-yaaaaaaccccccccddddeeeeeeeeeegggggggg" +
		"hhhhiiiiiiiiii--jjkkkllllll--llnnnnnnnnnoooooo--rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs"
	// U+0180 to U+024F
	foldLatinB = "bbbb---ccdddd----ffg---ikkl--nnooo--pp-----ttttuu-vyyzz----------------------aaiioouuuuuuuuuu-aaaa--" +
		"ggggkkoooo--j---gg--nnaa--ooaaaaeeeeiiiioooorrrruuuusstt--hhnd--zzaaeeooooooooyylntj--accltsz--bu-eejj--rryy"
	// U+1E00 to U+1EFF
	foldLatinAdditional = "aabbbbbbccddddddddddeeeeeeeeeeffgghhhhhhhhhhiiiikkkkkkllllllllmmmmmmnnnnnnnnoooooooopppprrrrrrrr" +
		"ssssssssssttttttttuuuuuuuuuuvvvvwwwwwwwwwwxxxxyyzzzzzzhtwyasss--aaaaaaaaaaaaaaaaaaaaaaaaeeeeeeeeeeeeeeee" +
		"iiiioooooooooooooooooooooooouuuuuuuuuuuuuuyyyyyyyy----yy"
)

// foldSeveral are letters that become two, and those outside the blocks above.
var foldSeveral = map[rune]string{
	'Æ': "ae", 'æ': "ae", 'Ǽ': "ae", 'ǽ': "ae", 'Ǣ': "ae", 'ǣ': "ae", 'Œ': "oe", 'œ': "oe", 'ß': "ss", 'ẞ': "ss",
	'Þ': "th", 'þ': "th", 'Ĳ': "ij", 'ĳ': "ij", 'Ŀ': "l", 'ŀ': "l", 'Ǆ': "dz", 'ǅ': "dz", 'ǆ': "dz", 'Ǳ': "dz", 'ǲ': "dz",
	'ǳ': "dz", 'Ǉ': "lj", 'ǈ': "lj", 'ǉ': "lj", 'Ǌ': "nj", 'ǋ': "nj", 'ǌ': "nj", 'Ə': "e", 'ə': "e",
}

// fold gives the letters of a slug for one character, or "".
func fold(r rune) string {
	block, offset := "", r
	switch {
	case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
		return string(r)
	case r >= 'A' && r <= 'Z':
		return string(r + 'a' - 'A')
	case r >= 0xC0 && r <= 0x17F:
		block, offset = foldLatin1AndA, r-0xC0
	case r >= 0x180 && r <= 0x24F:
		block, offset = foldLatinB, r-0x180
	case r >= 0x1E00 && r <= 0x1EFF:
		block, offset = foldLatinAdditional, r-0x1E00
	}
	if block != "" && block[offset] != '-' {
		return block[offset : offset+1]
	}
	return foldSeveral[r]
}
