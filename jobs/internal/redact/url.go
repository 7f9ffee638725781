package redact

import "strings"

// redactURLs replaces the password of every scheme://user:password@ in s. It reads each word once, however often "://" is
// in it: a step's output must not be able to make this slow.
func redactURLs(s string) string {
	var out strings.Builder
	done, wordEnd, lastAt := 0, 0, 0
	for at := 0; ; {
		i := strings.Index(s[at:], "://")
		if i < 0 {
			break
		}
		at += i + len("://")
		if at >= wordEnd {
			wordEnd = len(s)
			if i := strings.IndexFunc(s[at:], endsURL); i >= 0 {
				wordEnd = at + i
			}
			lastAt = -1
			if i := strings.LastIndexByte(s[at:wordEnd], '@'); i >= 0 {
				lastAt = at + i
			}
		}
		from, to := urlPassword(s[at:wordEnd], lastAt-at)
		if from == to || s[at+from:at+to] == Mark {
			continue
		}
		out.WriteString(s[done : at+from])
		out.WriteString(Mark)
		done = at + to
		at = done
	}
	if done == 0 {
		return s
	}
	out.WriteString(s[done:])
	return out.String()
}

// endsURL reports whether a character ends an address in running text.
func endsURL(r rune) bool { return r <= ' ' || strings.ContainsRune("\"'`<>", r) }

// urlPassword finds the password in s, a word after "://"; lastAt is the place of its last @, negative without one. A
// password that was not encoded may hold / ? # or @: net/url refuses such an address and prints it in its error, which is
// how passwords get into logs. So what stands between the first colon and an @ is a password, unless the part before the
// first / ? # is a whole authority: an address in brackets, or digits at most after the colon. An @ before the colon says
// nothing: names of mail accounts have one.
func urlPassword(s string, lastAt int) (from, to int) {
	authority := s
	if i := strings.IndexAny(s, "/?#"); i >= 0 {
		authority = s[:i]
	}
	user, rest, ok := strings.Cut(authority, ":")
	if !ok {
		return 0, 0
	}
	from = len(user) + 1
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		return from, from + at
	}
	if strings.HasPrefix(user, "[") || strings.Trim(rest, "0123456789") == "" || lastAt < from {
		return 0, 0
	}
	return from, lastAt
}
