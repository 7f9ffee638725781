package httpapi_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/carillon-go/carillon/jobs"
)

// match compares a value of an answer with what a case wants. An object of the case names the members that it cares about; "<only>": true
// means that there are no others. An array has to have as many entries, unless the last one wanted is "...". Texts:
//
//	<any>      anything, also null       <absent>   the member must not be there
//	<uuid> <time> <string> <number> <bool> <object>   of that kind
//	<$name>    anything but null, taken as {{name}}
//	~text      a text that holds it
func match(path string, got, want any, vars map[string]string) error {
	switch want := want.(type) {
	case map[string]any:
		return matchObject(path, got, want, vars)
	case []any:
		return matchArray(path, got, want, vars)
	case string:
		return matchText(path, got, want, vars)
	}
	if !reflect.DeepEqual(got, want) {
		return fmt.Errorf("%s is %s, want %s", path, show(got), show(want))
	}
	return nil
}

func matchObject(path string, got any, want map[string]any, vars map[string]string) error {
	object, ok := got.(map[string]any)
	if !ok {
		return fmt.Errorf("%s is %s, want an object", path, show(got))
	}
	for name, value := range want {
		if name == "<only>" {
			for member := range object {
				if _, named := want[member]; !named {
					return fmt.Errorf("%s has a member %q that is not wanted", path, member)
				}
			}
			continue
		}
		member, there := object[name]
		if value == "<absent>" {
			if there {
				return fmt.Errorf("%s.%s is %s, want it absent", path, name, show(member))
			}
			continue
		}
		if !there {
			return fmt.Errorf("%s.%s is missing in %s", path, name, show(got))
		}
		if err := match(path+"."+name, member, value, vars); err != nil {
			return err
		}
	}
	return nil
}

func matchArray(path string, got any, want []any, vars map[string]string) error {
	list, ok := got.([]any)
	if !ok {
		return fmt.Errorf("%s is %s, want an array", path, show(got))
	}
	open := len(want) > 0 && want[len(want)-1] == "..."
	if open {
		want = want[:len(want)-1]
	}
	if len(list) < len(want) || !open && len(list) > len(want) {
		return fmt.Errorf("%s has %d entries, want %d: %s", path, len(list), len(want), show(got))
	}
	for i := range want {
		if err := match(fmt.Sprintf("%s[%d]", path, i), list[i], want[i], vars); err != nil {
			return err
		}
	}
	return nil
}

func matchText(path string, got any, want string, vars map[string]string) error {
	text, isText := got.(string)
	ok := isText
	switch {
	case want == "<any>":
		return nil
	case want == "<string>":
	case want == "<uuid>":
		ok = isText && jobs.ValidUUID(text)
	case want == "<time>":
		_, err := time.Parse("2006-01-02T15:04:05.000Z", text)
		ok = isText && err == nil
	case want == "<number>":
		_, ok = got.(json.Number)
	case want == "<bool>":
		_, ok = got.(bool)
	case want == "<object>":
		_, ok = got.(map[string]any)
	case strings.HasPrefix(want, "<$") && strings.HasSuffix(want, ">"):
		if ok = got != nil; ok {
			vars[want[2:len(want)-1]] = fmt.Sprint(got)
		}
	case strings.HasPrefix(want, "~"):
		ok = isText && strings.Contains(text, want[1:])
	default:
		ok = isText && text == want
	}
	if !ok {
		return fmt.Errorf("%s is %s, want %s", path, show(got), want)
	}
	return nil
}

// checkLinks finds every href of an answer: it has to be the path of a route, with UUIDs and no natural ids.
func checkLinks(t testing.TB, body []byte) {
	t.Helper()
	var answer any
	if len(body) == 0 {
		return
	}
	decode(t, "answer", string(body), &answer)
	for _, href := range hrefs(answer) {
		path, _, _ := strings.Cut(strings.TrimSuffix(href, "}"), "?")
		path = strings.TrimSuffix(path, "{")
		known := slices.ContainsFunc([]string{http.MethodGet, http.MethodPost}, func(method string) bool {
			_, ok := routeOf(method, path)
			return ok
		})
		named := strings.Contains(path, "/shares/") // a team is named by a colon
		if !known || strings.Contains(path, ":") && !named {
			t.Errorf("the link %q leads nowhere", href)
		}
	}
}

func hrefs(v any) []string {
	var list []string
	switch v := v.(type) {
	case map[string]any:
		for name, member := range v {
			if href, ok := member.(string); ok && name == "href" {
				list = append(list, href)
			}
			list = append(list, hrefs(member)...)
		}
	case []any:
		for _, entry := range v {
			list = append(list, hrefs(entry)...)
		}
	}
	return list
}

func show(v any) string {
	data, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	if len(data) > 600 {
		data = append(slices.Clip(data[:600]), "…"...)
	}
	return string(data)
}

// matchHeader is match for a header: wildcards, or a text that may hold * once for anything.
func matchHeader(got, want string, vars map[string]string) error {
	before, after, star := strings.Cut(want, "*")
	if star && len(got) >= len(want)-1 && strings.HasPrefix(got, before) && strings.HasSuffix(got, after) {
		return nil
	}
	return matchText("header", got, want, vars)
}
