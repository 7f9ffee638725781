package jobs_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/carillon-go/carillon/jobs"
)

func TestSlugify(t *testing.T) {
	tests := map[string]string{
		"Lager: Übersicht (täglich)":          "lager-ubersicht-taglich",
		"La\u0308ger  U\u0308":                "lager-u", // accents as signs of their own
		"Nightly stock count":                 "nightly-stock-count",
		"  --a__b//c--  ":                     "a-b-c",
		"Straße Æsir Œuvre Þór Łódź İzmir ı ": "strasse-aesir-oeuvre-thor-lodz-izmir-i",
		"ĳs Ŀ ǆ Đorđe ŋ":                      "ijs-l-dz-dorde-n",
		"Đà Nẵng, Thừa Thiên–Huế":             "da-nang-thua-thien-hue",
		"2×3÷4":                               "2-3-4",
		"Mara's 100 %":                        "mara-s-100",
		"Ночной склад 7":                      "7",
		"日本":                                  "",
		"":                                    "",
		" -- \u0301":                          "",
		"a\xffb":                              "a-b",
		strings.Repeat("a", 101):              strings.Repeat("a", 100),
		strings.Repeat("a", 99) + " b":        strings.Repeat("a", 99),
		strings.Repeat("a", 99) + "ß":         strings.Repeat("a", 99) + "s",
		strings.Repeat("é", 100):              strings.Repeat("e", 100),
	}
	for name, want := range tests {
		if got := jobs.Slugify(name); got != want {
			t.Errorf("Slugify(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestNumberedSlug(t *testing.T) {
	long := strings.Repeat("a", 97) + "-bc"
	tests := []struct {
		slug string
		n    int
		want string
	}{
		{"stock", 1, "stock"},
		{"stock", 2, "stock-2"},
		{"stock", 3, "stock-3"},
		{long, 1, long},
		{long, 2, strings.Repeat("a", 97) + "-2"},
		{long, 10, strings.Repeat("a", 97) + "-10"},
		{strings.Repeat("a", 98), 2, strings.Repeat("a", 98) + "-2"},
	}
	for _, test := range tests {
		got := jobs.NumberedSlug(test.slug, test.n)
		if got != test.want || !jobs.ValidSlug(got) {
			t.Errorf("NumberedSlug(%q, %d) = %q, want %q", test.slug, test.n, got, test.want)
		}
	}
}

// slugPattern is the rule as contract 1.4 writes it.
var slugPattern = regexp.MustCompile(`^[a-z0-9]+(-[a-z0-9]+)*$`)

func TestValidSlug(t *testing.T) {
	for s, want := range map[string]bool{
		"a": true, "a-b": true, "0": true, "a1-2b": true, strings.Repeat("a", 100): true,
		"": false, "-": false, "-a": false, "a-": false, "a--b": false, "A": false, "a_b": false, "a b": false, "ä": false, "a:b": false,
		"a\n": false, strings.Repeat("a", 101): false,
	} {
		if got := jobs.ValidSlug(s); got != want {
			t.Errorf("ValidSlug(%q) = %v, want %v", s, got, want)
		}
	}
}

func TestSlugify_EveryCharacterFoldsToWhatASlugMayHold(t *testing.T) {
	for r := range rune(0x30000) {
		if got := jobs.Slugify(string(r)); got != "" && !jobs.ValidSlug(got) {
			t.Errorf("Slugify(%q) = %q", r, got)
		}
	}
}

func FuzzSlugify(f *testing.F) {
	for _, seed := range []string{"Lager: Übersicht (täglich)", "a--b", "ß\u0301-", strings.Repeat("æ-", 80), "\xff"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		got := jobs.Slugify(name)
		if got != "" && !jobs.ValidSlug(got) {
			t.Errorf("Slugify(%q) = %q, no slug", name, got)
		}
		if again := jobs.Slugify(got); again != got {
			t.Errorf("Slugify(%q) = %q, again %q", name, got, again)
		}
		if got, want := jobs.ValidSlug(name), len(name) <= jobs.MaxSlug && slugPattern.MatchString(name); got != want {
			t.Errorf("ValidSlug(%q) = %v, the pattern says %v", name, got, want)
		}
	})
}
