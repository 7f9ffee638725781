package jobs

import (
	"path"
	"strings"
	"unicode"
	"unicode/utf8"
)

// CleanFileName makes a name of what a caller or a driver says of a file: the last path element, whichever system wrote it, without
// control characters and invisible marks of direction, at most MaxFileName bytes; a long name keeps its extension. Empty if nothing is left.
func CleanFileName(name string) string {
	name = strings.ToValidUTF8(name, "")
	if at := strings.LastIndexAny(name, `/\`); at >= 0 {
		name = name[at+1:]
	}
	name = strings.Map(func(r rune) rune {
		// Marks of direction make "exe.txt" of "txt.exe"; line and paragraph separators break headers.
		if unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || r == '\u2028' || r == '\u2029' || r == utf8.RuneError {
			return -1
		}
		return r
	}, name)
	name = strings.TrimSpace(name)
	if name == "." || name == ".." {
		return ""
	}
	if len(name) <= MaxFileName {
		return name
	}
	extension := path.Ext(name)
	if len(extension) > 32 {
		extension = ""
	}
	return strings.TrimSpace(cutRunes(strings.TrimSuffix(name, extension), MaxFileName-len(extension)) + extension)
}

// cutRunes cuts a text to at most n bytes, between two characters.
func cutRunes(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
